"""Kernel distance (KID) and the mean distance of pairs: means over pairs, unbiased, with their variance.

References: Bińkowski et al. 2018 (KID); Gretton et al. 2012 (the unbiased MMD²).
"""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.identity import named
from genkit.metrics.distances import BLOCK, blocks, without_self
from genkit.metrics.feature_intervals import normal, pair_variance
from genkit.metrics.features import Features, check_enough, check_pair
from genkit.metrics.measure import Measure

DEGREE = 3
OF_BOTH = "the distance of this network's distribution from that of the data, both sets drawn anew"


def kid(real: Features, generated: Features) -> Measure:
    """Unbiased squared maximum mean discrepancy with the kernel (x·y/d + 1)³, over all samples at once.

    Raises:
        DataError: fewer than 4 samples.
        ConfigError: features of two extractors.
    """
    check_pair(real, generated)
    check_enough("kid", 4, real, generated)
    x, y = real.vectors.double(), generated.vectors.double()
    n, m = len(y), len(x)
    sums, _ = _sums(y, x, 0.0, same=False)
    shift = float(sums.mean()) / m  # MMD² does not change when a constant is taken off every k
    by_y, squares = _sums(y, x, shift, same=False)
    by_x, _ = _sums(x, y, shift, same=False)
    within, among = _sums(y, y, shift, same=True), _sums(x, x, shift, same=True)
    value = within[0].sum() / (n * (n - 1)) + among[0].sum() / (m * (m - 1)) - 2 * by_y.mean() / m

    # Each set's noise holds the part that is of both together, which counts once.
    single = [_variance(*within, by_y / m), _variance(*among, by_x / n)]
    both = squares - by_y.square().sum() / m - by_x.square().sum() / n + by_y.sum() ** 2 / (n * m)
    together = 4 * float(both) / ((n - 1) * (m - 1) * n * m)
    variance = max(sum(single) - together, *single)
    protocol = {**generated.protocol, "kernel": "polynomial", "degree": DEGREE, "version": 1}
    metric = named("kid", generated.protocol.get("extractor"))
    measure = Measure(metric, float(value), "1", "lower", "estimate", n, m, protocol=protocol)
    return normal(measure, variance, OF_BOTH)


def _variance(within: Tensor, squares: Tensor, cross: Tensor) -> float:
    """Of MMD² over one set, the other fixed: the mean over pairs of k(i, j) - f(i) - f(j).

    Args:
        within, squares: `_sums` of k over the set.
        cross: (n,) mean of k between each and the other set, f.
    """
    n = len(cross)
    rows = within - (n - 1) * cross - (cross.sum() - cross)
    both = 2 * (n - 2) * cross.square().sum() + 2 * cross.sum() ** 2  # Σ (f(i) + f(j))² over i ≠ j
    return pair_variance(rows, float(squares - 4 * (within * cross).sum() + both), skewed=True)


def diversity(generated: Features) -> Measure:
    """Mean Euclidean distance in feature space between two different samples.

    Raises:
        DataError: fewer than 4 samples.
    """
    check_enough("diversity", 4, None, generated)
    n = len(generated)
    sums, squares = torch.empty(n, dtype=torch.float64), 0.0
    for where, squared in blocks(generated.vectors, generated.vectors):
        distances = without_self(where, squared).sqrt_()
        distances[distances == torch.inf] = 0
        sums[where] = distances.sum(1)
        squares += float(distances.square_().sum())
    protocol = {**generated.protocol, "version": 1}
    value = float(sums.sum()) / (n * (n - 1))
    measure = Measure("diversity", value, "1", "none", "estimate", n, protocol=protocol)
    return normal(measure, pair_variance(sums, squares))


def _sums(rows: Tensor, columns: Tensor, shift: float, same: bool) -> tuple[Tensor, Tensor]:
    """Sums of k - shift along each row (n,), and of its square over all; without i = j where `same`."""
    sums, squares = torch.empty_like(rows[:, 0]), rows.new_zeros(())
    step = max(1, BLOCK // len(columns))
    for begin in range(0, len(rows), step):
        part = rows[begin : begin + step]
        base = torch.addmm(rows.new_ones(()), part, columns.T, alpha=1 / rows.shape[1])
        kernel = (base.square() * base).sub_(shift)
        if same:
            here = torch.arange(len(part))
            kernel[here, here + begin] = 0
        sums[begin : begin + step] = kernel.sum(1)
        squares += kernel.flatten() @ kernel.flatten()
    return sums, squares
