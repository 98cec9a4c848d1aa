"""95 % intervals around what n independent samples of one network give.

Each interval is of the value that endlessly many samples of that network would give: the noise of the
evaluation, not that of training another network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

LEVEL = 0.95
STRETCHES = (10, 20, 50, 100, 200)  # numbers of stretches that a running text is cut into
GAMMAS = np.linspace(0.1, 1, 91)  # exponents of the decay of a variance that are tried
FREEDOM = 10  # of Student's distribution for what they give; see experiments/004_intervals
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
    return within(ratio_of(parts, wholes))


def ratio_of(parts: np.ndarray, wholes: np.ndarray) -> Interval:
    """Σ parts / Σ wholes over independent pairs, of any size, linearised; the wholes are not all zero."""
    total = math.fsum(wholes)
    value = math.fsum(parts) / total
    _, low, high = mean((parts - value * wholes) * (len(wholes) / total))
    return value, value + low, value + high


def running(parts: np.ndarray, wholes: np.ndarray) -> Interval:
    """Σ parts / Σ wholes along one running text, whose stretches are alike near by and, less so, far away.

    The variance of a mean over length L of such a text falls as L^-γ with γ below 1: scenes differ, and so do
    chapters and books.  Then k stretches' means vary as k/(k - 1) · V · (k^γ - 1) among themselves, V being
    the variance of the whole's mean: γ and V are fitted to several k on logarithms.  (Beran 1994,
    section 4.2.)  Of independent values γ is 1, and V that of a mean.  The numbers of stretches, the weights
    and Student's degrees were chosen on tinyshakespeare; what the interval holds on other texts, 90 to 100 %,
    is in experiments/004_intervals.

    Args:
        parts, wholes: (N,), in the text's order; N at least 20 of the most stretches.
    """
    total = math.fsum(wholes)
    value = math.fsum(parts) / total
    residuals = (parts - value * wholes) * (len(wholes) / total)
    spreads = []
    for count in STRETCHES:
        length = len(residuals) // count
        spreads.append(float(residuals[: length * count].reshape(count, length).mean(1).var(ddof=1)))
    if not all(spreads):  # stretches that are all alike, as those of a constant are
        half = _quantile(FREEDOM) * math.sqrt(max(spreads))
        return value, value - half, value + half
    k = np.array(STRETCHES, dtype=np.float64)
    weights = np.sqrt(k - 1) / np.sqrt(k - 1).sum()
    gaps = np.log(spreads) - np.log(k / (k - 1) * (k ** GAMMAS[:, None] - 1))  # log V by each γ and k
    variances = gaps @ weights
    best = int((((gaps - variances[:, None]) ** 2) @ weights).argmin())
    half = _quantile(FREEDOM) * math.exp(variances[best] / 2)
    return value, value - half, value + half


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
    from scipy import stats  # (0.3 s, which a training without such intervals does not wait for)

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
    from scipy import stats  # (as above)

    return float(stats.t.ppf((1 + LEVEL) / 2, freedom))
