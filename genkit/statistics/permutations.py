"""Permutations: a test that trainings of two arms have one distribution, which few seeds can pass.

Where it does not matter of which arm a training is, each way to deal the 2n trainings to two arms of n was as
likely (Fisher 1935; Pitman 1937).  There are C(2n, n) of them, 12,870 for eight seeds, where there are 2ⁿ
flips of signs: p can be 1.6e-4 where that of `signs` is at least 7.8e-3.  In turn it takes arms that do not
differ to have one spread, too.  A seed that two arms have in common makes their difference vary less than
this test thinks, so that p is too large rather than too small.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from scipy import stats

MOST_EXACT = 200_000  # deals that are enumerated: those of ten trainings and ten
DEALS = 99_999  # drawn beyond; with the one that was seen 100,000, so that p is at least 1e-5
AT_ONCE = 2_500  # of those, in memory


def permutation_test(x: np.ndarray, y: np.ndarray) -> tuple[float, str]:
    """Two-sided p-value that two arms have one distribution, and the name of the test.

    Args:
        x, y: goodness of their trainings, -inf where one failed (`goodness`).  With such a one the mean ranks
            are tested, else the means.
    """
    whole = bool(np.isfinite(x).all() and np.isfinite(y).all())
    of = "mean" if whole else "mean rank"
    values = np.concatenate([x, y])
    if not whole:
        values = stats.rankdata(values)
    values = values - values.mean()
    if not values.any():
        return 1.0, "none: all values are equal"
    n, size = len(x), len(values)
    seen = abs(float(values[:n].sum())) - 1e-9 * float(np.abs(values).sum())
    if math.comb(size, n) <= MOST_EXACT:
        sums = values[_all_deals(size, n)].sum(1)
        return float((np.abs(sums) >= seen).mean()), f"exact permutations of the {of}"
    extreme = sum(int((np.abs(values[deals].sum(1)) >= seen).sum()) for deals in _drawn_deals(size, n))
    return (1 + extreme) / (1 + DEALS), f"{DEALS + 1:,} permutations of the {of}"


def least_p(seeds: int) -> float:
    """The least that `permutation_test` can give for two arms of so many trainings each."""
    deals = math.comb(2 * seeds, seeds)
    return min(1.0, 2 / deals) if deals <= MOST_EXACT else 1 / (1 + DEALS)


@lru_cache(maxsize=8)
def _all_deals(size: int, n: int) -> np.ndarray:
    """Every choice of n places of so many, (C(size, n), n)."""
    return np.array(list(itertools.combinations(range(size), n)), dtype=np.int8)


def _drawn_deals(size: int, n: int) -> Iterable[np.ndarray]:
    """`DEALS` choices of n places of so many, in parts (part, n); the same ones each time."""
    rng = np.random.default_rng((size, n))
    for first in range(0, DEALS, AT_ONCE):
        yield np.argsort(rng.random((min(AT_ONCE, DEALS - first), size)), axis=1)[:, :n]
