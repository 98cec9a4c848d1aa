"""Two arms beside each other, seed by seed: difference, effect, test, and the corrections of many tests."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from genkit.statistics.equivalence import equivalence_test
from genkit.statistics.improvement import improvement_interval, places
from genkit.statistics.intervals import student
from genkit.statistics.signs import sign_interval, sign_test

ALPHA = 0.05
# By seed: what a training reached; None: it ended without a number of any worth, which is worse than any.
Arm = Mapping[int, float | None]


@dataclass(frozen=True)
class Comparison:
    """`first` against `second` on the seeds that both have.

    Test, direction and interval are of one quantity: the mean difference where every training of the pairs
    reached a number; else the probability of improvement, in which a training that failed is the worst.

    Attributes:
        n: pairs.
        difference: mean of first - second; None where a training of the pairs failed.
        low, high: its 95 % interval over training seeds; None below three pairs.
        effect: Hedges' g of the differences: their mean in standard deviations, corrected for few pairs; None
            where they do not vary, below three pairs, and where a training failed.
        p: of the two-sided test that the quantity is that of equal arms; `test` names it.
        p_adjusted: the same after Holm's correction for all comparisons of one table, and for all looks.
        improvement: probability that a training of `first` is better than one of `second`, ties half, on the
            seeds of the pairs.
        improvement_low, improvement_high: its 95 % interval.
        better: the name of the better arm by the quantity; None where the arms are equal.
        first_trained, second_trained: trainings of the pairs that did not fail.
        settled: False where the worse arm's numbers are bounds on better ones, so that nothing follows.
        margin: the difference below which the arms are as good as equal, stated beforehand; None: none was.
        p_equivalent: of the test that the mean difference lies at the margin or beyond, after Holm's
            correction for all comparisons of one table, and for all looks; None without a margin, where a
            training failed, and where a bound stands beside an exact number.
    """

    first: str
    second: str
    n: int
    difference: float | None
    low: float | None
    high: float | None
    effect: float | None
    p: float
    p_adjusted: float
    test: str
    improvement: float
    improvement_low: float
    improvement_high: float
    better: str | None
    first_trained: int
    second_trained: int
    settled: bool = True
    margin: float | None = None
    p_equivalent: float | None = None

    @property
    def failed(self) -> int:
        """Trainings of the pairs that failed."""
        return 2 * self.n - self.first_trained - self.second_trained

    @property
    def significant(self) -> bool:
        return self.settled and self.p_adjusted <= ALPHA

    @property
    def equivalent(self) -> bool:
        """Whether the mean difference was shown to be smaller than the margin."""
        return self.p_equivalent is not None and self.p_equivalent <= ALPHA


def compare(
    first: tuple[str, Arm],
    second: tuple[str, Arm],
    direction: str,
    bounds: Collection[str] = (),
    margin: float | None = None,
) -> Comparison | None:
    """Two arms, each a name and a value for each seed; None where they share no seed.

    Args:
        direction: "lower" or "higher" is better.
        bounds: arms whose numbers are bounds on better ones.
        margin: of equivalence, in the values' unit; None: it is not tested.

    Raises:
        ValueError: another direction, a value that is not finite, or a margin that is not above 0.
    """
    if direction not in ("lower", "higher"):
        raise ValueError("the direction is lower or higher")
    (a, xs), (b, ys) = first, second
    seeds = sorted(set(xs) & set(ys))
    if not seeds:
        return None
    x, y = (goodness([values[seed] for seed in seeds], direction) for values in (xs, ys))
    n, trained = len(seeds), (int(np.isfinite(x).sum()), int(np.isfinite(y).sum()))
    ranks = places(x, y)
    whole = trained == (n, n)
    gains = x - y if whole else ranks  # positive where `first` is better
    p, test = sign_test(gains)
    gain = float(gains.mean())
    better = a if gain > 0 else b if gain < 0 else None
    differences = gains if direction == "higher" else -gains
    low, high = interval_of_pairs(differences) if whole else (None, None)
    improvement = min(1.0, max(0.0, 0.5 + float(ranks.mean())))
    tested = None if whole else sign_interval(ranks)  # agrees with the test
    shown = tested and (max(0.0, 0.5 + tested[0]), min(1.0, 0.5 + tested[1]))
    improvement_low, improvement_high = shown or improvement_interval(improvement, n)
    alike = whole and (a in bounds) == (b in bounds)
    return Comparison(
        first=a,
        second=b,
        n=n,
        difference=float(differences.mean()) if whole else None,
        low=low,
        high=high,
        effect=_hedges(differences) if whole else None,
        p=p,
        p_adjusted=p,
        test=test if whole else test.replace("of the mean", "of the mean rank"),
        improvement=improvement,
        improvement_low=improvement_low,
        improvement_high=improvement_high,
        better=better,
        first_trained=trained[0],
        second_trained=trained[1],
        settled=better in bounds or not {a, b} & set(bounds),
        margin=margin,
        p_equivalent=equivalence_test(differences, margin) if alike and margin is not None else None,
    )


def compare_all(
    arms: Mapping[str, Arm],
    direction: str,
    bounds: Collection[str] = (),
    looks: int = 1,
    margin: float | None = None,
) -> list[Comparison]:
    """Every two arms, in order, with p-values that are corrected for their number.

    Args:
        looks: times that the seeds may be looked at while more are added; each has an equal share of 5 %, so
            that all of them together have at most 5 % (Bonferroni).
        margin: as in `compare`.  Differences and equivalences have Holm's 5 % each.
    """
    pairs = itertools.combinations(arms.items(), 2)
    compared = (compare(first, second, direction, bounds, margin) for first, second in pairs)
    found = [comparison for comparison in compared if comparison is not None]
    adjusted = holm([c.p for c in found])
    equivalent = holm([1.0 if c.p_equivalent is None else c.p_equivalent for c in found])
    return [
        replace(
            c,
            p_adjusted=min(1.0, looks * p),
            p_equivalent=None if c.p_equivalent is None else min(1.0, looks * alike),
        )
        for c, p, alike in zip(found, adjusted, equivalent, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values that keep the chance of any false finding among them (Holm 1979), in the given order."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def interval_of_pairs(differences: np.ndarray) -> tuple[float | None, float | None]:
    """95 % interval of a mean difference: it agrees with `sign_test`; Student's below six pairs.

    None of fewer than three pairs.
    """
    if len(differences) < 3:
        return None, None
    return sign_interval(differences) or student(differences)


def goodness(values: Sequence[float | None], direction: str) -> np.ndarray:
    """Values of which more is better; that of a training that failed is below all others."""
    numbers = np.array([0.0 if value is None else value for value in values], dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("a value to compare is a finite number, or None for a training that failed")
    signed = numbers if direction == "higher" else -numbers
    return np.where([value is None for value in values], -np.inf, signed)


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
