"""95 % intervals of measured numbers: the noise of one network's n samples, the real examples held fixed.

(KID's and those of neighbours, whose terms the real examples tie together, are of both sets drawn anew.)

Resampling with replacement repeats samples, and a repeated sample is its own nearest neighbour: it shifts an
FID and every metric of neighbours.  So nothing here resamples with replacement.  A mean has its formula, a
proportion Wilson's, a smooth function of moments its influence values; others are measured on parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from torch import Tensor

from genkit.metrics.measure import Measure

Z = 1.959963984540054  # the normal distribution's 97.5 % point
EXPECTED = "the expected value at this many samples of this network, real examples held fixed"


def normal(
    measure: Measure,
    variance: float,
    of: str = EXPECTED,
    least: float = -math.inf,
    largest: float = math.inf,
) -> Measure:
    """The measure with the interval value ± 1.96 standard errors, within what it can be at all."""
    half = Z * math.sqrt(max(variance, 0.0))
    low, high = max(measure.value - half, least), min(measure.value + half, largest)
    return replace(measure, low=low, high=high, interval=of)


def mean_of(values: Tensor) -> tuple[float, float]:
    """The mean of independent values, and the variance of that mean."""
    values = values.double()
    return float(values.mean()), float(values.var()) / len(values)


def proportion(measure: Measure, of: str = EXPECTED, terms: float | None = None) -> Measure:
    """The measure, a share, with Wilson's score interval (Wilson 1927).

    Args:
        terms: independent ones that the share is of; None: n.
    """
    n, p = measure.n if terms is None else terms, measure.value
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return replace(measure, low=max(0.0, centre - half), high=min(1.0, centre + half), interval=of)


def pair_variance(rows: Tensor, squares: float, skewed: bool = False) -> float:
    """Unbiased variance of the mean of H(i, j) over all pairs of n independent samples (a U-statistic).

    Var = U² - (mean of H(i, j)·H(k, l) over four distinct samples), here with H centred at U, where the sums
    over distinct samples follow from sums of rows (Hoeffding 1948; Sutherland et al. 2017, appendix).

    Args:
        rows: (n,) sums over j ≠ i of H(i, j).
        squares: the sum over i ≠ j of H(i, j)².
        skewed: H may be nearly degenerate, as that of a distance is near zero.  The mean is then skewed, and
            a normal interval too short; a quarter of what a jackknife has too much, ζ₂/2n², makes up for it.
    """
    n = len(rows)
    pairs = n * (n - 1)
    mean = float(rows.sum()) / pairs
    centred = max(squares - pairs * mean**2, 0.0)
    spread = float(((rows - (n - 1) * mean) ** 2).sum())
    estimate = (4 * spread - 2 * centred) / (pairs * (n - 2) * (n - 3))
    estimate = max(estimate, 2 * centred / pairs**2)  # all that is left of it where H is degenerate
    return estimate + (centred / (2 * pairs * n**2) if skewed else 0.0)


def part_variance(
    statistic: Callable[[np.ndarray, int], list[float]],
    n: int,
    deals: Mapping[int, int],
    slopes: tuple[float, float],
    seed: int = 0,
) -> float:
    """Variance of a statistic of n samples, from its values on disjoint parts of them.

    Two halves are independent, so they give the variance at n/2 without bias, quarters that at n/4, and so
    on; log-variance against log n is then extrapolated to n: along a straight line from two sizes, along a
    parabola from three.  That needs no formula for the statistic and no sample twice; a jackknife would be
    several times too wide for the coverage of cells that hold few samples.

    Args:
        statistic: from the part (n,) uint8 that each sample is dealt into, and the number of parts, its value
            on each part.
        deals: how often all n are dealt into 2, 4 (and 8) parts.
        slopes: the least and the largest slope that the statistic can have at n.
    """
    generator = np.random.default_rng(seed)
    logs = []
    for parts, times in deals.items():
        even = (np.arange(n) % parts).astype(np.uint8)
        each = [np.var(statistic(generator.permutation(even), parts), ddof=1) for _ in range(times)]
        logs.append(math.log2(mean) if (mean := float(np.mean(each))) > 0 else -math.inf)
    if not all(map(math.isfinite, logs)):
        return 0.0 if logs[0] == -math.inf else 2 ** logs[0] / 2
    slope = logs[0] - logs[1]
    if len(logs) == 3:
        slope += logs[0] - 2 * logs[1] + logs[2]
    return 2 ** (logs[0] + min(max(slope, slopes[0]), slopes[1]))
