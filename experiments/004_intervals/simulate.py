"""How often the 95 % intervals of the image metrics hold what they say they hold.

    python experiments/004_intervals/simulate.py [n=500] [real=500] [d=8] [rounds=400] [case=same,near,far]
                                                 [metrics=fid,…] [anew=true] [out=FILE.json]

A network is a distribution with a known form.  Four real sets are drawn and stay; each round draws n
generated features and measures.  The quantity of every interval is the mean of the metric over all rounds
with the same real set; for `fid_infinity` it is the distance in closed form.  With `anew=true` each round
draws its real set, too: KID's intervals, and those of neighbours, are of both sets.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from genkit.metrics.catalogue import kind_of
from genkit.metrics.features import Features
from genkit.metrics.frechet import frechet, moments
from genkit.metrics.measure import Measure
from genkit.metrics.panel import METRICS, image_measures

REALS, CLASSES, PIXELS = 4, 10, 64
CASES = {"same": (1.0, 0.0), "near": (1.05, 0.1), "far": (0.8, 0.5)}  # scale and shift of the generated


def drawn(n: int, d: int, case: str, generator: torch.Generator) -> Features:
    """n pictures of the network `case`: Gaussian features and projections, soft classes from the features."""
    scale, shift = CASES[case]
    vectors = torch.randn(n, d, generator=generator) * scale + shift
    logits = vectors @ torch.randn(d, CLASSES, generator=torch.Generator().manual_seed(1))
    projections = torch.randn(n, PIXELS, generator=generator) * scale + shift
    return Features(vectors, logits.softmax(1), projections)


def truth(real: Features, case: str, found: list[Measure]) -> float:
    """The quantity that the intervals of one metric are of."""
    if kind_of(found[0].metric) != "fid_infinity":
        return sum(m.value for m in found) / len(found)
    scale, shift = CASES[case]
    mean = torch.full((real.size,), shift, dtype=torch.float64)
    covariance = torch.eye(real.size, dtype=torch.float64) * scale**2
    return frechet(moments(real.vectors), (mean, covariance))


def simulate(
    n: int, m: int, d: int, rounds: int, case: str, metrics: tuple[str, ...], anew: bool = False
) -> list[dict]:
    held: dict[str, list[bool]] = {name: [] for name in metrics}
    ratio: dict[str, list[float]] = {name: [] for name in metrics}
    reals = 1 if anew else REALS
    for index in range(reals):
        generator = torch.Generator().manual_seed(100 + index)
        real = drawn(m, d, "same", generator)
        found: dict[str, list[Measure]] = {name: [] for name in metrics}
        for _ in range(rounds // reals):
            if anew:
                real = drawn(m, d, "same", generator)
            for measure in image_measures(real, drawn(n, d, case, generator), metrics):
                found[kind_of(measure.metric)].append(measure)
        for name, measures in found.items():
            quantity = truth(real, case, measures)
            held[name] += [(m.low or 0.0) <= quantity <= (m.high or 0.0) for m in measures]
            spread = Tensor([m.value for m in measures]).std()
            width = Tensor([(m.high or 0.0) - (m.low or 0.0) for m in measures]).mean() / 3.92
            ratio[name].append(float(width / spread))
    return [
        {
            "case": case,
            "metric": name,
            "n": n,
            "n_real": m,
            "d": d,
            "coverage": sum(held[name]) / len(held[name]),
            "width_over_true": sum(ratio[name]) / len(ratio[name]),
            "rounds": len(held[name]),
        }
        for name in metrics
    ]


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    n, m, d = int(given.get("n", 500)), int(given.get("real", 500)), int(given.get("d", 8))
    metrics = tuple(given.get("metrics", ",".join(METRICS)).split(","))
    rows = []
    for case in given.get("case", "same,near,far").split(","):
        for row in simulate(n, m, d, int(given.get("rounds", 400)), case, metrics, "anew" in given):
            rows.append(row)
            print(
                f"{case:5} n={n} {row['metric']:20} coverage {row['coverage']:.3f}  "
                f"width/true {row['width_over_true']:.2f}",
                flush=True,
            )
    if "out" in given:
        Path(given["out"]).write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main(sys.argv[1:])
