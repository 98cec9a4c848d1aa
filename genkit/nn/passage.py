"""Latents drawn from q(z|x), and what a decoder makes of them.

Legend: B batch, S… sizes of the axes, L latents, k draws of each.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from genkit.nn.precision import widened

WIDEST = 10.0  # log-variance of a latent that others depend on, at most


class Passage(NamedTuple):
    """One draw of the latents of examples that an encoder saw, on its way through the decoder.

    Attributes:
        latent: (B, L), or (k, B, L) of k draws.
        mean, log_variance: of each latent given those before it; of k draws, too, or the same for all.
        output: of the decoder, (B, outputs, S…) or (k B, outputs, S…).
    """

    latent: Tensor
    mean: Tensor
    log_variance: Tensor
    output: Tensor


class Draw(NamedTuple):
    """Of one group of latents, (B, l) each."""

    latent: Tensor
    mean: Tensor
    log_variance: Tensor

    @classmethod
    def of(cls, said: Tensor, normal: Tensor) -> Draw:
        """z = μ + σ ε of means and log-variances (B, 2 l), in float32 at least.

        What stands behind these latents is told numbers as large as they are: variances end at e^`WIDEST`.
        """
        mean, log_variance = moments(said)
        log_variance = WIDEST - F.softplus(WIDEST - log_variance)
        return cls(mean + torch.exp(0.5 * log_variance) * normal, mean, log_variance)


def moments(said: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance (B, L) each of what a network says of latents, (B, 2 L), in float32 at least."""
    mean, log_variance = widened(said).chunk(2, dim=-1)
    return mean, log_variance


def tiled(labels: Tensor | None, normal: Tensor) -> Tensor | None:
    """Labels (B,) for each row of standard normal numbers (B, L) or (k, B, L)."""
    return labels if labels is None or normal.ndim == 2 else labels.repeat(len(normal))
