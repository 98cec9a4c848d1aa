"""Two arms beside each other, seed by seed: difference, effect, test, and what a number of seeds can show."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy import stats

from genkit.statistics.intervals import confidence_interval

ALPHA = 0.05
EXACT_UP_TO = 14  # pairs: 2¹⁴ sign flips are enumerated
MOST_SEEDS = 1_000
POWER = 0.8


@dataclass(frozen=True)
class Comparison:
    """`first` against `second` on the seeds that both have.

    Attributes:
        n: pairs.
        difference: mean of first - second.
        low, high: its 95 % interval over training seeds; None with one pair.
        effect: Hedges' g of the differences: their mean in standard deviations, corrected for few pairs; None
            where they do not vary, and below three pairs.
        p: of the two-sided test that the differences lie around 0; `test` names it.
        p_adjusted: the same after Holm's correction for all comparisons of one table.
        improvement: probability that a training of `first` is better than one of `second`, ties half.
        better: the name of the better arm by the mean; None where the means are equal.
        first_seeds, second_seeds: trainings of each arm, paired or not.
    """

    first: str
    second: str
    n: int
    difference: float
    low: float | None
    high: float | None
    effect: float | None
    p: float
    p_adjusted: float
    test: str
    improvement: float
    better: str | None
    first_seeds: int
    second_seeds: int

    @property
    def significant(self) -> bool:
        return self.p_adjusted <= ALPHA


def compare(
    first: tuple[str, Mapping[int, float]], second: tuple[str, Mapping[int, float]], direction: str
) -> Comparison | None:
    """Two arms, each a name and a value for each seed; None where they share no seed.

    Args:
        direction: "lower" or "higher" is better.

    Raises:
        ValueError: another direction, or a value that is not finite.
    """
    if direction not in ("lower", "higher"):
        raise ValueError("the direction is lower or higher")
    (a, xs), (b, ys) = first, second
    seeds = sorted(set(xs) & set(ys))
    if not seeds:
        return None
    differences = np.array([xs[seed] - ys[seed] for seed in seeds])
    low, high, _ = confidence_interval(differences)
    mean = float(differences.mean())
    p, test = signed_test(differences)
    gain = mean if direction == "higher" else -mean
    return Comparison(
        first=a,
        second=b,
        n=len(seeds),
        difference=mean,
        low=low,
        high=high,
        effect=_hedges(differences),
        p=p,
        p_adjusted=p,
        test=test,
        improvement=_improvement(list(xs.values()), list(ys.values()), direction),
        better=None if gain == 0 else a if gain > 0 else b,
        first_seeds=len(xs),
        second_seeds=len(ys),
    )


def compare_all(arms: Mapping[str, Mapping[int, float]], direction: str) -> list[Comparison]:
    """Every two arms, in order, with p-values that are corrected for their number."""
    pairs = itertools.combinations(arms.items(), 2)
    found = [c for first, second in pairs if (c := compare(first, second, direction)) is not None]
    adjusted = holm([comparison.p for comparison in found])
    return [replace(comparison, p_adjusted=p) for comparison, p in zip(found, adjusted, strict=True)]


def signed_test(differences: np.ndarray) -> tuple[float, str]:
    """Two-sided p-value that paired differences lie symmetrically around 0, and the name of the test.

    All 2ⁿ sign flips up to `EXACT_UP_TO` pairs; Wilcoxon's signed ranks beyond.
    """
    if not differences.any():
        return 1.0, "none: all differences are 0"
    if len(differences) <= EXACT_UP_TO:
        sums = np.abs(_signs(len(differences)) @ differences)
        seen = abs(float(differences.sum()))
        return float((sums >= seen - 1e-9 * np.abs(differences).sum()).mean()), "exact sign flips"
    return float(stats.wilcoxon(differences).pvalue), "Wilcoxon signed ranks"


@cache
def _signs(n: int) -> np.ndarray:
    """All sign flips of n numbers, (2ⁿ, n) of ±1."""
    return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values that keep the chance of any false finding among them (Holm 1979), in the given order."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def seeds_needed(comparisons: int, alpha: float = ALPHA) -> int:
    """The least number of pairs with which one of so many comparisons can be significant.

    Of 2ⁿ sign flips two are as extreme as n differences of one sign, so p is at least 2 / 2ⁿ, and Holm's
    correction multiplies the smallest p by the number of comparisons.
    """
    return 1 + math.ceil(math.log2(max(1, comparisons) / alpha))


def power_seeds(effect: float, comparisons: int, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Pairs that find a true effect of this size with the given power; None where it takes over 1,000.

    By the noncentral t distribution, at the strictest level of Holm's correction.  (An effect estimated from
    few seeds is itself uncertain, and so is this number.)
    """
    least, level = seeds_needed(comparisons, alpha), alpha / max(1, comparisons)

    def found(n: int) -> bool:
        bound = stats.t.ppf(1 - level / 2, n - 1)
        return bool(stats.nct.sf(bound, n - 1, abs(effect) * n**0.5) >= power)

    n = bisect_left(range(MOST_SEEDS + 1), True, lo=least, key=found)
    return n if n <= MOST_SEEDS else None


def _hedges(differences: np.ndarray) -> float | None:
    """Mean over standard deviation, times Hedges' correction 1 - 3 / (4 (n - 1) - 1)."""
    n = len(differences)
    if n < 3:  # the correction leaves nothing of an effect of two pairs
        return None
    spread = float(differences.std(ddof=1))
    # Equal differences leave a spread of rounding errors.
    if spread <= 1e-12 * float(np.abs(differences).max()):
        return None
    return float(differences.mean()) / spread * (1 - 3 / (4 * (n - 1) - 1))


def _improvement(xs: Sequence[float], ys: Sequence[float], direction: str) -> float:
    """P(x better than y) over all pairs of trainings, ties half (Agarwal et al. 2021, equation 2)."""
    x, y = np.asarray(xs)[:, None], np.asarray(ys)[None, :]
    wins = x > y if direction == "higher" else x < y
    return float((wins + 0.5 * (x == y)).mean())
