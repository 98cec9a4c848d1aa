"""Densities of images given what a network puts out, in nats and summed over each example."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def bernoulli_nll(logits: Tensor, data: Tensor) -> Tensor:
    """-Σ x log p + (1 - x) log(1 - p), (B,).

    For x in {0, 1} this is a negative log-probability.  For grey values between, as many papers use it, it is
    a cross-entropy and no likelihood of the data.
    """
    return F.binary_cross_entropy_with_logits(logits, data, reduction="none").flatten(1).sum(1)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp log_variance) || N(0, I)), (B,) (Kingma and Welling 2014, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def gaussian_log_density(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(x; mean, diag exp log_variance), summed over the last axis."""
    squared = (x - mean).square() * torch.exp(-log_variance)
    return -0.5 * (squared + log_variance + math.log(2 * math.pi)).sum(-1)
