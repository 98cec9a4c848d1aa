"""Kernel distance (KID) and the mean distance of pairs: means over pairs, unbiased, with their variance.

References: Bińkowski et al. 2018 (KID); Gretton et al. 2012 (the unbiased MMD²).
"""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.identity import named
from genkit.metrics.distances import BLOCK, blocks, without_self
from genkit.metrics.features import Features, check_enough, check_pair
from genkit.metrics.intervals import normal, pair_variance
from genkit.metrics.measure import Measure

DEGREE = 3


def kid(real: Features, generated: Features) -> Measure:
    """Unbiased squared maximum mean discrepancy with the kernel (x·y/d + 1)³, over all samples at once.

    Raises:
        DataError: fewer than 4 samples.
        ConfigError: features of two extractors.
    """
    check_pair(real, generated)
    check_enough("kid", 4, real, generated)
    x, y = real.vectors.double(), generated.vectors.double()
    n = len(y)
    shift = 0.0
    cross, _ = _sums(y, x, shift, same=False)
    shift = float(cross.mean()) / len(x)  # MMD² does not change when a constant is taken off every k
    cross = cross / len(x) - shift  # (n,): mean over x of k(x, y)
    within, squares = _sums(y, y, shift, same=True)
    among, _ = _sums(x, x, shift, same=True)
    value = within.sum() / (n * (n - 1)) + among.sum() / (len(x) * (len(x) - 1)) - 2 * cross.mean()

    # With x fixed, MMD² is a constant plus the mean over pairs of H(i, j) = k(i, j) - f(i) - f(j).
    rows = within - (n - 1) * cross - (cross.sum() - cross)
    both = 2 * (n - 2) * cross.square().sum() + 2 * cross.sum() ** 2  # Σ (f(i) + f(j))² over i ≠ j
    variance = pair_variance(rows, float(squares - 4 * (within * cross).sum() + both), skewed=True)
    protocol = {**generated.protocol, "kernel": "polynomial", "degree": DEGREE, "version": 1}
    metric = named("kid", generated.protocol.get("extractor"))
    measure = Measure(metric, float(value), "1", "lower", "estimate", n, len(x), protocol=protocol)
    return normal(measure, variance)


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
