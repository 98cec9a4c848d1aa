"""Residual blocks with group normalisation, which may be told of time and label.

Legend: B batch, C channels, S… sizes of the axes, T numbers told.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.axes import CONVOLUTIONS

GROUP = 8  # channels that are normalised together, about


def group_norm(channels: int, affine: bool = True) -> nn.GroupNorm:
    """Over groups of about `GROUP` channels each, the same number in all (Wu and He 2018)."""
    return nn.GroupNorm(gcd(channels, max(1, channels // GROUP)), channels, affine=affine)


class ResidualBlock(nn.Module):
    """x + f(x): norm, SiLU and a convolution with kernels of 3, twice (He et al. 2016, full pre-activation).

    What is told gives each channel a gain and a shift after the second norm (Dhariwal and Nichol 2021).  The
    last kernel begins at 0, so a deep network begins as the identity.

    Args:
        inputs, outputs: channels; where they differ, x passes a convolution of 1.
        axes: one to three.
        told: T; 0: nothing.
        dropout: in front of the last convolution.
    """

    __call__: Callable[..., Tensor]

    def __init__(self, inputs: int, outputs: int, axes: int, *, told: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        convolution = CONVOLUTIONS[axes]
        self.norm, self.first = group_norm(inputs), convolution(inputs, outputs, 3, padding=1)
        self.second_norm = group_norm(outputs, affine=not told)
        self.dropout = nn.Dropout(dropout)
        self.last = convolution(outputs, outputs, 3, padding=1)
        self.passing = nn.Identity() if inputs == outputs else convolution(inputs, outputs, 1)
        self.told = nn.Linear(told, 2 * outputs) if told else None
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, told: Tensor | None = None) -> Tensor:
        """(B, inputs, S…), and (B, T) where the block is told of something, to (B, outputs, S…)."""
        hidden = self.second_norm(self.first(F.silu(self.norm(x))))
        if self.told is not None:
            gain, shift = self.told(told).chunk(2, dim=1)
            over_axes = (..., *[None] * (x.ndim - 2))
            hidden = hidden * (1 + gain[over_axes]) + shift[over_axes]
        changed: Tensor = self.last(self.dropout(F.silu(hidden)))
        passed: Tensor = self.passing(x)
        return passed + changed
