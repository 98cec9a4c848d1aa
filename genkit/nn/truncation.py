"""Latents that keep away from the edge of their distribution."""

from __future__ import annotations

import torch
from torch import Tensor


def truncated(normal: Tensor, bound: float) -> Tensor:
    """Standard normal numbers to ones within ±bound, each keeping its rank (Brock et al. 2019, section 3.1).

    By the distribution functions, so a latent changes smoothly with the bound and depends on nothing else.
    """
    edge = torch.special.ndtr(torch.tensor(bound, dtype=torch.float64))
    share = torch.special.ndtr(normal.double())
    inner: Tensor = torch.special.ndtri((1 - edge) + share * (2 * edge - 1))
    return inner.to(normal.dtype)
