"""Importance-weighted bounds on a likelihood: IWAE (Burda et al. 2016).

Legend: k importance samples, B batch, L latent size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from genkit.nn.likelihoods import gaussian_log_density


def importance_bound(log_weights: Iterable[Tensor], k: int) -> Tensor:
    """log 1/k Σ p(x|z_i) p(z_i) / q(z_i|x) with z_i from q (equation 8), nats, (B,).

    Args:
        log_weights: of all k samples, a few at a time, (≤ k, B) each.
    """
    return torch.cat(list(log_weights)).logsumexp(0) - math.log(k)


def gaussian_log_weights(latent: Tensor, mean: Tensor, log_variance: Tensor, nll: Tensor) -> Tensor:
    """log p(x|z) + log p(z) - log q(z|x) for a standard normal prior and a diagonal normal q, (k, B).

    Args:
        latent: z, (k, B, L).
        mean, log_variance: of q(z|x), (B, L).
        nll: -log p(x|z), nats, (k, B).
    """
    zero = torch.zeros_like(latent)
    prior = gaussian_log_density(latent, zero, zero)
    posterior = gaussian_log_density(latent, mean.expand_as(latent), log_variance.expand_as(latent))
    return prior - posterior - nll
