"""How often verdicts over training seeds are wrong, and how often their intervals hold what they say.

    python experiments/004_intervals/seeds.py [rounds=1000] [first=0] [parts=skew,exploding,failures,…]

Nothing is trained: the values of two arms are drawn from distributions that are known.  Each part (see
`PARTS`) prints a line a case.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from scipy import stats

from genkit import statistics
from genkit.statistics.signs import sign_test

ALPHA = statistics.ALPHA
Draw = Callable[[np.random.Generator, int], np.ndarray]
SKEWED: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "Student's t, 3": lambda rng, n: rng.standard_t(3, n),
    "exponential - exponential": lambda rng, n: rng.exponential(size=n) - rng.exponential(size=n),
    "exponential - normal": lambda rng, n: rng.exponential(size=n) - 1 - 0.3 * rng.normal(size=n),
    "lognormal 0.5 - its mean": lambda rng, n: np.exp(0.5 * rng.normal(size=n)) - np.exp(0.125),
    "lognormal 1 - its mean": lambda rng, n: np.exp(rng.normal(size=n)) - np.exp(0.5),
}


def skew(rounds: int, first: int) -> None:
    """Differences with the mean 0: how often a difference is found, by the mean and by Wilcoxon's ranks."""
    for name, draw in SKEWED.items():
        for n in (8, 12, 16, 20, 30):
            rng = np.random.default_rng((first, n))
            drawn = [draw(rng, n) for _ in range(rounds)]
            flips = np.mean([sign_test(x)[0] <= ALPHA for x in drawn])
            ranks = np.mean([stats.wilcoxon(x).pvalue <= ALPHA for x in drawn])
            print(f"skew       {name:26} n={n:2}  sign flips {flips:.3f}  Wilcoxon {ranks:.3f}", flush=True)


def exploding(rounds: int, first: int) -> None:
    """A is better on all seeds but one, on which it explodes: is B named, whose mean is better?"""
    for n in (12, 16, 20):
        rng, named, contrary = np.random.default_rng((first, n)), 0, 0
        for _ in range(rounds):
            a = rng.normal(1.0, 0.3, n)
            b = rng.normal(1.5, 0.3, n)
            a[rng.integers(n)] += rng.uniform(10, 60)
            found = compared(a, b)
            named += found.significant
            ranks = stats.wilcoxon(a - b).pvalue <= ALPHA
            contrary += bool(ranks) and found.better == "b"
        print(
            f"exploding  n={n}  told apart {named / rounds:.3f}  loser by Wilcoxon and the mean"
            f" {contrary / rounds:.3f}",
            flush=True,
        )


def failures(rounds: int, first: int) -> None:
    """Equal arms of which trainings diverge: at random in both; in one on the worst third of its seeds."""
    for n in (12, 20):
        for share in (0.1, 0.3, 0.6):
            rng, found, survivors = np.random.default_rng((first, n)), 0, 0
            for _ in range(rounds):
                common = rng.normal(size=n)
                x, y = (
                    np.where(rng.random(n) < share, np.nan, common + rng.normal(size=n)) for _ in range(2)
                )
                found += compared(x, y).significant
                both = np.isfinite(x) & np.isfinite(y)
                survivors += both.sum() > 5 and sign_test((x - y)[both])[0] <= ALPHA
            print(
                f"failures   {share:.0%} of both, n={n}  told apart {found / rounds:.3f}"
                f"  by the survivors' mean {survivors / rounds:.3f}",
                flush=True,
            )
        rng, better, worse, survivors = np.random.default_rng((first, n)), 0, 0, 0
        for _ in range(rounds):
            x, y = rng.normal(size=n), rng.normal(size=n)
            x[np.argsort(x)[-(n // 3) :]] = np.nan  # lower is better
            c = compared(x, y)
            better += c.significant and c.better == "a"
            worse += c.significant and c.better == "b"
            both = np.isfinite(x)
            survivors += sign_test((x - y)[both])[0] <= ALPHA and float((x - y)[both].mean()) < 0
        print(
            f"failures   the worst third of one, n={n}  called better {better / rounds:.3f}, worse"
            f" {worse / rounds:.3f}; better by the survivors' mean {survivors / rounds:.3f}",
            flush=True,
        )


def looks(rounds: int, first: int) -> None:
    """Equal arms, looked at five times while seeds are added: a finding at any look."""
    for stops in ((6, 8, 10, 12, 14), (8, 16, 24, 32, 40)):
        rng, plain, shared, last = np.random.default_rng((first, stops[0])), 0, 0, 0
        for _ in range(rounds):
            x = rng.normal(size=stops[-1])
            p = np.array([sign_test(x[:n])[0] for n in stops])
            plain += bool((p <= ALPHA).any())
            shared += bool((5 * p <= ALPHA).any())
            last += bool(p[0] <= ALPHA)
        print(
            f"looks      at {stops}  uncorrected {plain / rounds:.3f}  looks: 5 {shared / rounds:.3f}"
            f"  the first alone {last / rounds:.3f}",
            flush=True,
        )


def ranges(rounds: int, first: int) -> None:
    """Means of shares and of positive quantities: intervals that hold them, and that say what cannot be."""
    cases: dict[str, tuple[statistics.Range, Draw, float]] = {
        "beta(3, 7)": (statistics.SHARE, lambda rng, n: rng.beta(3, 7, n), 0.3),
        "beta(1, 9)": (statistics.SHARE, lambda rng, n: rng.beta(1, 9, n), 0.1),
        "beta(0.5, 4.5)": (statistics.SHARE, lambda rng, n: rng.beta(0.5, 4.5, n), 0.1),
        "beta(20, 1)": (statistics.SHARE, lambda rng, n: rng.beta(20, 1, n), 20 / 21),
        "lognormal, spread 10 %": (statistics.POSITIVE, *_lognormal(0.1)),
        "lognormal, spread 30 %": (statistics.POSITIVE, *_lognormal(0.3)),
        "lognormal, spread 100 %": (statistics.POSITIVE, *_lognormal(1.0)),
        "exponential": (statistics.POSITIVE, lambda rng, n: rng.exponential(size=n), 1.0),
        "normal, spread 30 %": (statistics.POSITIVE, lambda rng, n: abs(rng.normal(1, 0.3, n)), 1.0),
    }
    for name, (within, draw, mean) in cases.items():
        for n in (3, 5, 8, 19):
            rng = np.random.default_rng((first, n))
            drawn = [draw(rng, n) for _ in range(rounds)]
            bent, plain = (
                np.array([statistics.confidence_interval(x, within=w)[:2] for x in drawn], dtype=float)
                for w in (within, statistics.ANY)
            )
            held, before = (np.mean((i[:, 0] <= mean) & (mean <= i[:, 1])) for i in (bent, plain))
            outside = np.mean((plain[:, 0] < within.low) | (plain[:, 1] > within.high))
            print(
                f"ranges     {name:24} n={n:2}  holds {held:.3f}  Student's alone {before:.3f}, of which"
                f" impossible {outside:.3f}",
                flush=True,
            )


def _lognormal(spread: float) -> tuple[Draw, float]:
    sigma = float(np.sqrt(np.log(1 + spread**2)))
    return lambda rng, n: np.exp(sigma * rng.normal(size=n)), float(np.exp(sigma**2 / 2))


def improvement(rounds: int, first: int) -> None:
    """The probability of improvement of normal arms, which share nothing or most of what a seed brings."""
    for shared in (0.0, 0.8):
        for effect in (0.0, 0.7, 1.5, 3.0):
            for n in (5, 8, 12, 20):
                rng, held = np.random.default_rng((first, n)), 0
                truth = stats.norm.cdf(effect / np.sqrt(2))
                for _ in range(rounds):
                    seed = np.sqrt(shared) * rng.normal(size=n)
                    x, y = (seed + np.sqrt(1 - shared) * rng.normal(size=n) for _ in range(2))
                    c = compared(x - effect, y)
                    held += c.improvement_low <= truth <= c.improvement_high
                print(
                    f"improvement  shared {shared}  P {truth:.3f}  n={n:2}  holds {held / rounds:.3f}",
                    flush=True,
                )


def compared(x: np.ndarray, y: np.ndarray) -> statistics.Comparison:
    """Two arms of which lower is better; nan is a training that failed."""
    arms = [{i: None if np.isnan(v) else float(v) for i, v in enumerate(values)} for values in (x, y)]
    found = statistics.compare(("a", arms[0]), ("b", arms[1]), "lower")
    assert found is not None
    return found


PARTS = {f.__name__: f for f in (skew, exploding, failures, looks, ranges, improvement)}


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    for name in given.get("parts", ",".join(PARTS)).split(","):
        PARTS[name](int(given.get("rounds", 1_000)), int(given.get("first", 0)))


if __name__ == "__main__":
    main(sys.argv[1:])
