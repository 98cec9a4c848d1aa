"""Does the grammar of `data=colors` make what a run makes of 「我喜欢的颜色是」, and how much of it is new?

    python experiments/002_colors/grammar.py RUN [n]

draws n (100) continuations with seed 0 and prints the share that parses, the share of those that the corpus
does not contain, and some of them.
"""

from __future__ import annotations

import json
import sys

import genkit
from genkit.data.sources.grammar import parses, sentences

PROMPT = "我喜欢的颜色是"


def main(run: str, n: int = 100) -> None:
    texts = [text.strip() for text in genkit.load(run).sample(n, seed=0, prompt=PROMPT).texts]
    known = set(sentences())
    grammatical = [text for text in texts if parses(text)]
    new = [text for text in grammatical if text not in known]
    found = {
        "samples": n,
        "parse": len(grammatical) / n,
        "of_those_not_in_the_corpus": len(new) / max(1, len(grammatical)),
        "distinct": len(set(texts)),
        "do_not_parse": [text for text in texts if not parses(text)][:5],
    }
    print(json.dumps(found, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
