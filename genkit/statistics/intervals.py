"""What one arm reached: mean, median, interquartile mean, and an interval over its training seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
BOOTSTRAP_FROM = 20  # values; with fewer, a bootstrap of the mean covers too little
RESAMPLES = 9_999


@dataclass(frozen=True)
class Summary:
    """What the trainings of one arm reached.

    Attributes:
        n: trainings.
        mean, median: of their values.
        iqm: the interquartile mean, which a single failed training does not move.
        spread: standard deviation (n - 1); None with one training.
        low, high: the interval of the mean over training seeds; None with one training.
        method: of the interval, in words; "" where there is none.
    """

    n: int
    mean: float
    median: float
    iqm: float
    spread: float | None
    low: float | None
    high: float | None
    method: str


def summarise(values: Sequence[float], level: float = LEVEL, resamples: int = RESAMPLES) -> Summary:
    """What the values of one arm say together.

    Raises:
        ValueError: there are none, or one is not finite.
    """
    x = _finite(values)
    low, high, method = confidence_interval(x, level, resamples)
    spread = float(x.std(ddof=1)) if len(x) > 1 else None
    return Summary(
        len(x), float(x.mean()), float(np.median(x)), interquartile_mean(x), spread, low, high, method
    )


def interquartile_mean(values: Sequence[float] | np.ndarray) -> float:
    """Mean of the middle half: a quarter of the values, rounded down, is left out at each end."""
    return float(stats.trim_mean(_finite(values), 0.25))


def confidence_interval(
    values: Sequence[float] | np.ndarray, level: float = LEVEL, resamples: int = RESAMPLES
) -> tuple[float | None, float | None, str]:
    """(low, high, method) of the mean.

    Below `BOOTSTRAP_FROM` values Student's t; from there the bias-corrected and accelerated bootstrap (Efron
    1987).  Bootstrapped means of n values are too narrow by √((n - 1) / n) and have a normal's tails, so that
    the plain interval covers 91 % at n = 20; as Hesterberg 2015 (section 4.4, "expanded percentiles") has it,
    its level is raised until its half-width is Student's.  The resampling is seeded: the same values give the
    same interval.

    Raises:
        ValueError: there are no values, or one is not finite.
    """
    x = _finite(values)
    n = len(x)
    if n < 2:
        return None, None, ""
    mean = float(x.mean())
    quantile = float(stats.t.ppf((1 + level) / 2, n - 1))
    if n < BOOTSTRAP_FROM:
        half = quantile * float(x.std(ddof=1)) / n**0.5
        return mean - half, mean + half, "Student's t"
    method = "BCa bootstrap"
    if np.ptp(x) <= 1e-12 * float(np.abs(x).max()):  # what remains are errors of rounding
        return mean, mean, method
    expanded = float(2 * stats.norm.cdf((n / (n - 1)) ** 0.5 * quantile) - 1)
    found = stats.bootstrap(
        (x,),
        np.mean,
        confidence_level=expanded,
        n_resamples=resamples,
        method="BCa",
        vectorized=True,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high), method


def _finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError("statistics need at least one value, all of them finite numbers")
    return x
