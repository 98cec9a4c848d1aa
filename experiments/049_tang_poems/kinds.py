"""How many poems are of which kind: those of the data, and samples in a file that `genkit sample` wrote.

python experiments/049_tang_poems/kinds.py [SAMPLES.jsonl]
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from genkit import config
from genkit.core.knobs import DataKnobs
from genkit.data.sources.poems import END, tang_poems
from genkit.metrics.verse import VerseForm


def kinds(name: str, poems: Sequence[str]) -> None:
    forms = [VerseForm.of(poem) for poem in poems]
    counted = Counter(f"{2 * f.couplets} of {f.lengths[0]}" if f.kept else "other" for f in forms)
    shares = ", ".join(f"{kind} {count / len(poems):.2%}" for kind, count in counted.most_common())
    print(f"{name}, {len(poems):,}: {shares}")


if __name__ == "__main__":
    data = tang_poems(DataKnobs(name="tang_poems"), config.paths([]))
    for part, text in data.parts.items():
        kinds(part, text.split(END)[:-1])
    for path in sys.argv[1:]:
        kinds(path, [json.loads(line)["text"] for line in Path(path).read_text("utf-8").splitlines()])
