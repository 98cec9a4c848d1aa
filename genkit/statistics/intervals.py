"""What one arm reached: mean, median, interquartile mean, and an interval over its training seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

LEVEL = 0.95
LEAST = 3  # values; an interval of two is many times as wide as they lie apart, and they can be shown
BOOTSTRAP_FROM = 20  # values; with fewer, a bootstrap of the mean covers too little
RESAMPLES = 9_999


@dataclass(frozen=True)
class Range:
    """What a quantity can be at all, and so its mean: anything, above 0, or between 0 and `high`.

    Attributes:
        counted: whether it is a number of things that were counted, of which there is nothing to estimate.
    """

    low: float = -math.inf
    high: float = math.inf
    counted: bool = False


ANY, POSITIVE, SHARE, COUNT = Range(), Range(0.0), Range(0.0, 1.0), Range(0.0, counted=True)


@dataclass(frozen=True)
class Summary:
    """What the trainings of one arm reached.

    Attributes:
        n: trainings.
        mean, median: of their values.
        iqm: the interquartile mean, which a single failed training does not move.
        spread: standard deviation (n - 1); None with one training.
        least, most: of the values.
        low, high: the interval of the mean over training seeds; None below three trainings, and of a count.
        method: of the interval, in words; "" where there is none.
    """

    n: int
    mean: float
    median: float
    iqm: float
    spread: float | None
    least: float
    most: float
    low: float | None
    high: float | None
    method: str


def summarise(
    values: Sequence[float], level: float = LEVEL, resamples: int = RESAMPLES, within: Range = ANY
) -> Summary:
    """What the values of one arm say together.

    Raises:
        ValueError: there are none, or one is not finite.
    """
    x = _finite(values)
    low, high, method = (
        (None, None, "") if within.counted else confidence_interval(x, level, resamples, within)
    )
    return Summary(
        n=len(x),
        mean=float(x.mean()),
        median=float(np.median(x)),
        iqm=interquartile_mean(x),
        spread=float(x.std(ddof=1)) if len(x) > 1 else None,
        least=float(x.min()),
        most=float(x.max()),
        low=low,
        high=high,
        method=method,
    )


def interquartile_mean(values: Sequence[float] | np.ndarray) -> float:
    """Mean of the middle half: a quarter of the values, rounded down, is left out at each end."""
    return float(stats.trim_mean(_finite(values), 0.25))


def confidence_interval(
    values: Sequence[float] | np.ndarray,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    within: Range = ANY,
) -> tuple[float | None, float | None, str]:
    """(low, high, method) of the mean; None below `LEAST` values.

    Below `BOOTSTRAP_FROM` values Student's t, within the range; from there the bias-corrected and accelerated
    bootstrap (Efron 1987), which stays between the values.  Bootstrapped means of n values are too narrow by
    √((n - 1) / n) and have a normal's tails, so that the plain interval covers 91 % at n = 20; as Hesterberg
    2015 (section 4.4, "expanded percentiles") has it, its level is raised until its half-width is Student's.
    The resampling is seeded: the same values give the same interval.

    Raises:
        ValueError: there are no values, or one is not finite.
    """
    x = _finite(values)
    n = len(x)
    if n < LEAST:
        return None, None, ""
    mean = float(x.mean())
    if n < BOOTSTRAP_FROM:
        return *student(x, level, within), "Student's t"
    method = "BCa bootstrap"
    if np.ptp(x) <= 1e-12 * float(np.abs(x).max()):  # what remains are errors of rounding
        return mean, mean, method
    quantile = float(stats.t.ppf((1 + level) / 2, n - 1))
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


def student(
    x: Sequence[float] | np.ndarray, level: float = LEVEL, within: Range = ANY
) -> tuple[float, float]:
    """Student's t interval of a mean, within what it can be.

    The interval is laid on the mean's logarithm where the values are above 0, on its logit where they are
    shares; its half-width is divided there by the slope (the delta method).  So it stays within the range,
    and bends to the side on which there is room.
    """
    x = np.asarray(x, dtype=np.float64)
    n, mean = len(x), float(x.mean())
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * float(x.std(ddof=1)) / n**0.5
    inside = within.low < mean < within.high and half > 0
    if within.low == 0 and math.isfinite(within.high) and inside:
        share, most = mean / within.high, within.high
        middle, bent = special.logit(share), half / (mean * (1 - share))
        return most * float(special.expit(middle - bent)), most * float(special.expit(middle + bent))
    if within.low == 0 and inside:
        factor = math.exp(min(half / mean, 700.0))
        return mean / factor, mean * factor
    return mean - half, mean + half


def _finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError("statistics need at least one value, all of them finite numbers")
    return x
