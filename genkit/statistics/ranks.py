"""Arms by their mean ranks over blocks: Friedman's test, and Nemenyi's critical difference (Demšar 2006).

A block is what all arms went through alike.  Demšar's blocks are datasets; here they are the seeds of one
dataset, so what is shown holds for trainings on that dataset, as the comparisons in pairs do, and says
nothing of others.  What a pair's ranks say depends on the other arms, too (Benavoli et al. 2016): it is a
picture beside the comparisons, which decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from genkit.statistics.comparisons import ALPHA, Arm, goodness

LEAST_ARMS, LEAST_BLOCKS = 3, 5  # two arms are a pair; of fewer blocks hardly any order can be shown


@dataclass(frozen=True)
class Ranking:
    """Mean ranks of three arms or more.

    Attributes:
        ranks: by arm, the best first; rank 1 is the best, ties share theirs.
        blocks: over which they are means.
        statistic: Friedman's, as Iman and Davenport (1980) have it, F with k - 1 and (k - 1) (n - 1) degrees.
        p: its p-value.
        critical: the difference of two mean ranks from which Nemenyi's test tells the arms apart.
        alike: the largest groups of arms that are not told apart; all of them where Friedman's test finds
            nothing.
    """

    ranks: Mapping[str, float]
    blocks: int
    statistic: float
    p: float
    critical: float
    alike: Sequence[tuple[str, ...]]

    @property
    def told(self) -> bool:
        """Whether any two arms are told apart."""
        return not any(len(group) == len(self.ranks) for group in self.alike)


def ranking(arms: Mapping[str, Arm], direction: str, looks: int = 1) -> Ranking | None:
    """The arms by mean rank over the seeds that all of them have; None where there are too few of either.

    Args:
        arms: values by seed; None: the training failed, which ranks behind all that did not.
        direction: "lower" or "higher" is better.
        looks: times that the seeds may be looked at; each has an equal share of the 5 %.

    Raises:
        ValueError: another direction, or a value that is not finite.
    """
    seeds = sorted(set.intersection(*(set(values) for values in arms.values()))) if arms else []
    k, n, alpha = len(arms), len(seeds), ALPHA / looks
    if k < LEAST_ARMS or n < LEAST_BLOCKS:
        return None
    better = np.stack([goodness([values[s] for s in seeds], direction) for values in arms.values()])
    placed = stats.rankdata(-better, axis=0)  # (k, n), by block
    mean = placed.mean(1)
    if np.ptp(placed, axis=0).max() == 0:
        statistic, p = 0.0, 1.0
    else:
        friedman = float(stats.friedmanchisquare(*placed).statistic)
        rest = n * (k - 1) - friedman
        statistic = (n - 1) * friedman / rest if rest > 1e-9 else float("inf")
        least = float(math.factorial(k)) ** (1 - n)  # of n orders that are the same, by counting
        p = max(least, float(stats.f.sf(statistic, k - 1, (k - 1) * (n - 1))))
    order = np.argsort(mean, kind="stable")
    names = [list(arms)[i] for i in order]
    critical = critical_difference(k, n, alpha)
    alike = _alike(names, mean[order], critical) if p <= alpha else [tuple(names)]
    ranks = {name: float(mean[i]) for name, i in zip(names, order, strict=True)}
    return Ranking(ranks, n, statistic, p, critical, alike)


def critical_difference(arms: int, blocks: int, alpha: float = ALPHA) -> float:
    """Nemenyi's: q √(k (k + 1) / 6 n), q the studentised range's upper point over √2 (Demšar 2006, 3.2.2)."""
    q = float(stats.studentized_range.ppf(1 - alpha, arms, np.inf)) / 2**0.5
    return q * float(np.sqrt(arms * (arms + 1) / (6 * blocks)))


def _alike(names: Sequence[str], ranks: np.ndarray, critical: float) -> list[tuple[str, ...]]:
    """The largest runs of ordered arms whose ends lie within the critical difference, of two arms or more."""
    found: list[tuple[int, int]] = []
    for first in range(len(names)):
        last = int(np.flatnonzero(ranks - ranks[first] < critical)[-1])
        if last > first and not (found and found[-1][1] >= last):
            found.append((first, last))
    return [tuple(names[first : last + 1]) for first, last in found]
