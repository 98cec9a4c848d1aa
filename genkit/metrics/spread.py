"""95 % intervals around what n independent samples of one network give.

Each interval is of the value that endlessly many samples of that network would give: the noise of the
evaluation, not that of training another network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

LEVEL = 0.95
Interval = tuple[float, float, float]  # value, low, high


def mean(values: Sequence[float] | np.ndarray) -> Interval:
    """The mean of independent numbers, by Student's distribution; infinite for fewer than two."""
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return math.nan, math.nan, math.nan
    value = math.fsum(values) / len(values)
    if len(values) < 2:
        return value, -math.inf, math.inf
    half = _quantile(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return value, value - half, value + half


def ratio(parts: Sequence[float] | np.ndarray, wholes: Sequence[float] | np.ndarray) -> Interval:
    """Σ parts / Σ wholes over independent pairs, a share, linearised (Cochran 1977, section 6.3)."""
    parts, wholes = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    total = math.fsum(wholes)
    if not total:
        return math.nan, math.nan, math.nan
    value = math.fsum(parts) / total
    _, low, high = mean((parts - value * wholes) * (len(wholes) / total))
    return within((value, value + low, value + high))


def rare(parts: Sequence[float] | np.ndarray, wholes: Sequence[float] | np.ndarray) -> Interval:
    """`ratio` where most parts may be 0, so that its sum is too skewed for a normal approximation.

    The product of how many parts are above 0, by Wilson's score, and of how large those are, by Student's
    distribution: their intervals are joined on the logarithms (Zou and Donner 2008).  Where all are 0, the
    upper end is Wilson's.
    """
    parts, wholes = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    kept = wholes > 0
    parts, wholes = parts[kept], wholes[kept]
    if not len(parts):
        return math.nan, math.nan, math.nan
    value, sizes = math.fsum(parts) / math.fsum(wholes), parts[parts > 0]
    often, least, most = share(len(sizes), len(parts))
    if not len(sizes):
        return 0.0, 0.0, most
    size, low, high = mean(sizes) if len(sizes) > 1 else (sizes[0],) * 3
    low = max(low, float(sizes.min()))
    down = math.hypot(math.log(often / least), math.log(size / low))
    up = math.hypot(math.log(most / often), math.log(high / size))
    return within((value, value * math.exp(-down), value * math.exp(up)))


def within(interval: Interval, least: float = 0.0, most: float = 1.0) -> Interval:
    """An interval of something that cannot leave a range."""
    value, low, high = interval
    return value, max(least, low), min(most, high)


def share(successes: int, trials: int) -> Interval:
    """The share of successes, by Wilson's score."""
    if not trials:
        return math.nan, math.nan, math.nan
    low, high = stats.binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    return successes / trials, float(low), float(high)


def difference(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> Interval:
    """mean(one) - mean(other) of independent numbers, by Welch's approximation."""
    one, other = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    value = float(one.mean() - other.mean())
    spreads = [float(a.var(ddof=1)) / len(a) for a in (one, other)]
    if not sum(spreads):
        return value, value, value
    freedom = sum(spreads) ** 2 / sum(
        s * s / (len(a) - 1) for s, a in zip(spreads, (one, other), strict=True)
    )
    half = _quantile(freedom) * math.sqrt(sum(spreads))
    return value, value - half, value + half


def half_jackknife(
    statistic: Callable[[np.ndarray], float], n: int, value: float, *, draws: int = 10, seed: int = 0
) -> Interval:
    """Around a value of n samples, from halves of them drawn without replacement.

    The delete-d jackknife with d = n/2 (Shao and Wu 1989): the spread of the statistic over halves of the
    samples is that of the statistic itself.  (Resampling with replacement repeats samples, which biases
    every measure that looks at neighbours.)

    Args:
        statistic: of some of the samples, given by their indices.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    halves = [statistic(np.sort(generator.permutation(n)[: n // 2])) for _ in range(draws)]
    half = _quantile(draws - 1) * float(np.std(halves, ddof=1))
    return value, value - half, value + half


def _quantile(freedom: float) -> float:
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom))
