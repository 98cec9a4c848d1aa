"""Numbers that are summed, and shown, are float32 at least, whatever a network computes in."""

from __future__ import annotations

import torch
from torch import Tensor


def widened(x: Tensor) -> Tensor:
    """As float32, where it is narrower."""
    return x if x.dtype == torch.float64 else x.float()
