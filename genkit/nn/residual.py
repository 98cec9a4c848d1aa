"""Residual blocks over one, two or three axes (He et al. 2016)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.axes import CONVOLUTIONS


class Residual(nn.Module):
    """x + f(x) at full width: two convolutions with kernels of 3, each after a SiLU (He et al. 2016, full
    pre-activation).

    The last kernel begins at 0, so a deep network begins as the identity.
    """

    def __init__(self, width: int, axes: int) -> None:
        super().__init__()
        convolution = CONVOLUTIONS[axes]
        self.first, self.last = (convolution(width, width, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.last.weight)

    def begin(self) -> None:
        """Be the identity, whatever kernels were drawn."""
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.last(F.silu(self.first(F.silu(x))))
        return x + change
