"""Residual blocks without normalisation, as those of R3GAN (Huang et al. 2024, section 4).

Legend: B batch, C channels, S… sizes of the axes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.axes import CONVOLUTIONS, Convolution
from genkit.nn.normalisation import Modulation

SLOPE = 0.2  # of the leaky ReLU
GAIN = (2 / (1 + SLOPE**2)) ** 0.5  # with which what leaves it is as large as what came in
KERNELS = {1: 9, 2: 3, 3: 3}  # of the convolution that sees neighbours; along one axis as many as 3×3


class Bottleneck(nn.Module):
    """x + f(x): a convolution of 1 that widens, one that sees neighbours, in groups of channels, and one of 1
    back, with leaky ReLUs between.

    What keeps its scale is the beginning (Fixup; Zhang et al. 2019): the last kernel is 0, and the two before
    are smaller the more blocks a network has.

    Args:
        width: C.
        expansion: channels within, as multiples of C.
        group: channels within that see each other across places, about; 0: all.
        depth: blocks of the network.
        classes: of labels, each of which has a gain and a shift of the channels within; 0: none are taken.
    """

    __call__: Callable[..., Tensor]

    def __init__(
        self, width: int, axes: int, *, expansion: int, group: int, depth: int, classes: int = 0
    ) -> None:
        super().__init__()
        convolution, inner, kernel = CONVOLUTIONS[axes], expansion * width, KERNELS[axes]
        groups = gcd(inner, max(1, inner // group)) if group else 1
        self.widening = convolution(width, inner, 1)
        self.seeing = convolution(inner, inner, kernel, padding=kernel // 2, groups=groups)
        self.narrowing = convolution(inner, width, 1, bias=False)
        self.told = Modulation(inner, classes) if classes else None
        begin(self.widening, GAIN * depth**-0.25)
        begin(self.seeing, GAIN * depth**-0.25)
        begin(self.narrowing, 0.0)
        if self.told is not None:
            nn.init.ones_(self.told.gain.weight)
            nn.init.zeros_(self.told.shift.weight)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, C, S…), and int64 labels (B,) where they are taken, to (B, C, S…)."""
        inner = self.widening(x)
        if self.told is not None:
            inner = self.told(inner, labels)
        inner = self.seeing(F.leaky_relu(inner, SLOPE, inplace=True))
        change: Tensor = self.narrowing(F.leaky_relu(inner, SLOPE, inplace=True))
        return x + change


def begin(layer: Convolution | nn.Linear, gain: float) -> None:
    """Weights with which what comes out is `gain` times as large as what comes in; biases of 0."""
    inputs = layer.weight[0].numel()
    nn.init.normal_(layer.weight, 0.0, gain / inputs**0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
