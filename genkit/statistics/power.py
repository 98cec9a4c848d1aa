"""What a number of seeds can show, and how many an effect would take."""

from __future__ import annotations

import math
from bisect import bisect_left

from scipy import stats

from genkit.statistics.comparisons import ALPHA

MOST_SEEDS = 1_000
POWER = 0.8


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
