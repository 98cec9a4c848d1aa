"""How often the 95 % intervals of the text metrics hold what they say they hold.

    python experiments/004_intervals/texts.py TEXT [n=300] [rounds=200] [case=bigrams,copier] [out=FILE.json]

A network is a distribution that texts can be drawn from for ever: the pairs of words that follow one
another in the first nine tenths of the file TEXT, or the same with one text in eight copied from there.  The
real texts are of the last tenth and stay.  The quantity of every interval is the mean of the metric over all
rounds.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from genkit.metrics import wording
from genkit.metrics.copying import novelty
from genkit.metrics.mauve import mauve, ngram_features
from genkit.metrics.measure import Measure

WORDS, REAL, COPIED = 40, 300, 1 / 8
CASES = {"bigrams": 0.0, "copier": COPIED}


class Network:
    """Texts of 40 words, each word after one that it follows somewhere; some are copied whole."""

    def __init__(self, words: list[str], share: float) -> None:
        self.words, self.share = words, share
        self.following: dict[str, list[str]] = defaultdict(list)
        for word, after in itertools.pairwise(words):
            self.following[word].append(after)

    def draw(self, n: int, generator: np.random.Generator) -> list[str]:
        return [self._text(generator) for _ in range(n)]

    def _text(self, generator: np.random.Generator) -> str:
        start = int(generator.integers(len(self.words) - WORDS))
        if generator.random() < self.share:
            return " ".join(self.words[start : start + WORDS])
        drawn = [self.words[start]]
        while len(drawn) < WORDS:
            after = self.following[drawn[-1]]
            drawn.append(after[int(generator.integers(len(after)))])
        return " ".join(drawn)


def measures(texts: list[str], real: list[str], features: np.ndarray, training: str) -> list[Measure]:
    """All but the copied spans: their intervals are a mean's and a proportion's."""
    return [
        *wording.distinct(texts),
        wording.self_bleu(texts),
        wording.repeated(texts),
        wording.looping(texts),
        wording.vocabulary_overlap(texts, real),
        mauve(ngram_features(texts), features, "n-grams"),
        *novelty(texts, lambda: iter([training])),
    ]


def simulate(words: list[str], case: str, n: int, rounds: int) -> list[dict]:
    training, held_out = words[: len(words) * 9 // 10], words[len(words) * 9 // 10 :]
    real = [" ".join(held_out[i * WORDS : (i + 1) * WORDS]) for i in range(min(REAL, len(held_out) // WORDS))]
    network, generator = Network(training, CASES[case]), np.random.default_rng(5)
    features = ngram_features(real)
    found: dict[str, list[Measure]] = defaultdict(list)
    for _ in range(rounds):
        for measure in measures(network.draw(n, generator), real, features, " ".join(training)):
            found[measure.metric].append(measure)
    return [summary(case, name, n, len(real), of) for name, of in found.items()]


def summary(case: str, name: str, n: int, n_real: int, of: list[Measure]) -> dict:
    values, low, high = np.array([[m.value, m.low, m.high] for m in of], dtype=float).T
    held = (low <= values.mean()) & (values.mean() <= high)
    spread = values.std(ddof=1)
    return {
        "case": case,
        "metric": name,
        "n": n,
        "n_real": n_real,
        "rounds": len(of),
        "mean": values.mean(),
        "coverage": held.mean(),
        "width_over_true": float((high - low).mean() / 3.92 / spread) if spread else None,
    }


def main(arguments: list[str]) -> None:
    path, given = arguments[0], dict(word.split("=", 1) for word in arguments[1:])
    words = Path(path).read_text(encoding="utf-8").split()
    rows = []
    for case in given.get("case", ",".join(CASES)).split(","):
        for row in simulate(words, case, int(given.get("n", 300)), int(given.get("rounds", 200))):
            rows.append(row)
            width = "" if row["width_over_true"] is None else f"  width/true {row['width_over_true']:.2f}"
            about = f"{case:8} {row['metric']:20} mean {row['mean']:8.4f}"
            print(f"{about}  coverage {row['coverage']:.3f}{width}", flush=True)
    if "out" in given:
        Path(given["out"]).write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main(sys.argv[1:])
