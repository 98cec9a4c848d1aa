"""What a search is worth: the best result that is expected of fewer trials than it had."""

from __future__ import annotations

import math
from collections.abc import Sequence


def expected_best(values: Sequence[float | None], direction: str) -> list[float | None]:
    """The expected best of n trials, for every n from 1 to all of them.

    The mean of the best over all choices of n of the trials, an unbiased estimate for trials that are drawn
    independently (Dodge et al. 2019 choose with replacement, which is biased towards the worse: Tang et al.
    2020).  Of N trials in order, the i-th best is the best of a choice of n in C(N - i, n - 1) of C(N, n).

    Args:
        values: what each trial gave; None: it failed, which is worse than any number.
        direction: "lower" or "higher" is better.

    Returns:
        one number for each n; None where a choice of so many trials may hold failures alone.

    Raises:
        ValueError: another direction.
    """
    if direction not in ("lower", "higher"):
        raise ValueError("the direction is lower or higher")
    ordered = sorted((v for v in values if v is not None), reverse=direction == "higher")
    count, failed = len(values), len(values) - len(ordered)
    return [None if n <= failed else _mean_of_best(ordered, count, n) for n in range(1, count + 1)]


def _mean_of_best(ordered: Sequence[float], count: int, n: int) -> float:
    chances = [math.comb(count - place, n - 1) / math.comb(count, n) for place in range(1, len(ordered) + 1)]
    return math.fsum(value * chance for value, chance in zip(ordered, chances, strict=True))
