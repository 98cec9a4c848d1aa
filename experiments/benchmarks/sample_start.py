"""Seconds of a whole process of `genkit sample` beyond those of one that only imports torch.

    python experiments/benchmarks/sample_start.py [rounds=5] [threads=2] [clock=wall|cpu] [out=FILE.json]

A small VAE of digits, trained for ten steps, draws 16 pictures into a file; the two processes run in turns.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

from alternating import compare
from time_to_quality import Where, timed

TRAIN = "train model=vae data=digits budget.steps=10 callbacks.samples.n=0 name=small"


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    where: Where = int(given.get("threads", 2)), given.get("clock", "wall")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)

        def seconds(*command: str) -> float:
            return timed([sys.executable, *command], place, where)[0]

        runs = f"paths.runs_dir={folder}"
        seconds("-m", "genkit", *TRAIN.split(), runs)
        sample = ["-m", "genkit", "sample", "run=small", "n=16", f"out={folder}/drawn.png", runs]
        contestants = {
            "genkit sample": partial(seconds, *sample),
            "import torch": partial(seconds, "-c", "import torch"),
        }
        found = compare(contestants, int(given.get("rounds", 5)), f"s ({where[1]})", None, threads=where[0])
    pairs = zip(found["runs"]["genkit sample"], found["runs"]["import torch"], strict=True)
    found["beyond"] = [whole - alone for whole, alone in pairs]
    print(f"{statistics.median(found['beyond']):.2f} s beyond `import torch`")
    if "out" in given:
        Path(given["out"]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
