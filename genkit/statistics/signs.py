"""Sign flips: a test that paired differences have the mean 0, and the interval that agrees with it.

Where two arms do not differ, the sign of every difference is a coin's, so that the sum that was seen is one
of 2ⁿ that were as likely (Fisher 1935).  The test is exact where the differences lie symmetrically around
their mean.  Turned round, it asks for which shifts of the mean it would not be significant: the answer is a
range of means of subsets of the differences (Hartigan 1969), so the interval leaves out 0 where the test is
significant.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

import numpy as np

EXACT_UP_TO = 14  # pairs: 2¹⁴ sign flips are enumerated
FLIPS = 99_999  # drawn beyond; with the signs that were seen 100,000, so that p is at least 1e-5
AT_ONCE = 2**21  # signs in memory


def sign_test(differences: np.ndarray) -> tuple[float, str]:
    """Two-sided p-value that the mean of paired differences is 0, and the name of the test.

    All 2ⁿ sign flips up to `EXACT_UP_TO` pairs; beyond, `FLIPS` of them that are drawn, always the same ones.
    """
    n = len(differences)
    if not differences.any():
        return 1.0, "none: all differences are 0"
    seen = abs(float(differences.sum())) - 1e-9 * float(np.abs(differences).sum())
    if n <= EXACT_UP_TO:
        return float((np.abs(_all_signs(n) @ differences) >= seen).mean()), "exact sign flips of the mean"
    extreme = sum(int((np.abs(signs @ differences) >= seen).sum()) for signs in _drawn_signs(n))
    return (1 + extreme) / (1 + FLIPS), f"{FLIPS + 1:,} sign flips of the mean"


def sign_test_above(differences: np.ndarray) -> float:
    """One-sided p-value that the mean of paired differences is at most 0, by the flips of `sign_test`."""
    n = len(differences)
    seen = float(differences.sum()) - 1e-9 * float(np.abs(differences).sum())
    if n <= EXACT_UP_TO:
        return float((_all_signs(n) @ differences >= seen).mean())
    extreme = sum(int((signs @ differences >= seen).sum()) for signs in _drawn_signs(n))
    return (1 + extreme) / (1 + FLIPS)


def sign_interval(differences: np.ndarray, level: float = 0.95) -> tuple[float, float] | None:
    """The shifts that `sign_test` does not tell from the mean; None where there are too few differences.

    A shift δ lies below the interval where the sums of few flips of d - δ are as large as the one that was
    seen; the sum of a flip is as large where the mean of the differences that it turns is at most δ.
    """
    n = len(differences)
    if n <= EXACT_UP_TO:
        means, flips = _means_of_flipped(_all_signs(n), differences), 2**n
    else:
        # Beside each flip its opposite, as in a two-sided test.
        halves = [
            _means_of_flipped(sign * signs, differences) for signs in _drawn_signs(n) for sign in (1, -1)
        ]
        means, flips = np.concatenate([*halves, [float(differences.mean())]]), 2 * (FLIPS + 1)
    # Flips that turn nothing give the sum that was seen, whatever the shift.
    place = int((1 - level) / 2 * flips + 1e-9) - (flips - len(means))
    if place < 0:
        return None
    ordered = np.partition(means, (place, len(means) - 1 - place))
    return float(ordered[place]), float(ordered[len(means) - 1 - place])


def _means_of_flipped(signs: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """The mean of the differences that each flip turns; flips that turn none are left out."""
    turned = (signs < 0).astype(np.float64)
    count = turned.sum(1)
    some = count > 0
    return np.asarray((turned[some] @ differences) / count[some])


@cache
def _all_signs(n: int) -> np.ndarray:
    """All sign flips of n numbers, (2ⁿ, n) of ±1."""
    return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)


def _drawn_signs(n: int) -> Iterable[np.ndarray]:
    """`FLIPS` sign flips of n numbers in parts, (part, n) of ±1; the same ones each time."""
    part = max(1, AT_ONCE // n)
    if part >= FLIPS:
        return (_part_of_signs(n, 0, FLIPS),)
    return (_part_of_signs.__wrapped__(n, first, min(part, FLIPS - first)) for first in range(0, FLIPS, part))


@lru_cache(maxsize=1)
def _part_of_signs(n: int, first: int, size: int) -> np.ndarray:
    rng = np.random.default_rng((n, first))
    return rng.integers(0, 2, (size, n), dtype=np.int8).astype(np.float64) * 2 - 1
