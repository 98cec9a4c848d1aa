"""A transformer over the patches of arrays of one to three axes, told of time and label by adaptive norms
(Peebles and Xie 2023, DiT).

Legend: B batch, C channels, S… sizes of the axes, N patches, D width, H heads.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.axes import Sizes
from genkit.nn.dense_layer import Dense
from genkit.nn.patching import Patching
from genkit.nn.places_attention import attended, heads_of
from genkit.nn.time_and_label import TimeAndLabel


class AdaptiveBlock(nn.Module):
    """Attention among all patches and a layer of hidden units, each between a norm whose gain and shift are
    told and a gate that is told; every gate begins at 0."""

    __call__: Callable[..., Tensor]

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.told = nn.Linear(width, 6 * width)
        self.qkv, self.proj = Dense(width, 3 * width), Dense(width, width)
        self.wide, self.narrow = Dense(width, 4 * width), Dense(4 * width, width)
        nn.init.zeros_(self.told.weight)
        nn.init.zeros_(self.told.bias)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(B, N, D) and (B, D) to (B, N, D)."""
        gain, shift, gate, wide_gain, wide_shift, wide_gate = self.told(told)[:, None].chunk(6, dim=2)
        x = x + gate * self.proj(attended(self.qkv(normed(x, gain, shift)), self.heads))
        hidden = F.gelu(self.wide(normed(x, wide_gain, wide_shift)), approximate="tanh")
        changed: Tensor = wide_gate * self.narrow(self.dropout(hidden))
        return x + changed


class ArrayTransformer(nn.Module):
    """Arrays (B, C, S…), times (B,) and labels (B,) to arrays (B, C, S…); at first to 0.

    Where a patch is, is said by a learned vector for its place along each axis.

    Args:
        channels: C.
        sizes: S….
        width: D.
        blocks: layers.
        heads: H, a divisor of the width; None: see `heads_of`.
        patch: side of a patch along every axis, but no more than that has places.
        dropout: of the hidden units.
        classes: of labels; see `TimeAndLabel`.
    """

    __call__: Callable[..., Tensor]

    def __init__(
        self,
        channels: int,
        sizes: Sizes,
        *,
        width: int,
        blocks: int,
        heads: int | None,
        patch: int,
        dropout: float,
        classes: int,
    ) -> None:
        super().__init__()
        self.patching = Patching.of(sizes, patch)
        numbers = channels * self.patching.numbers
        heads = heads or heads_of(width)
        self.told = TimeAndLabel(width, classes)
        self.begin = Dense(numbers, width)
        self.places = nn.ParameterList(torch.randn(size, width) * 0.02 for size in self.patching.grid)
        self.blocks = nn.ModuleList(AdaptiveBlock(width, heads, dropout) for _ in range(blocks))
        self.end_told, self.end = nn.Linear(width, 2 * width), Dense(width, numbers)
        for layer in (self.end_told, self.end):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, data: Tensor, at: Tensor, labels: Tensor | None = None) -> Tensor:
        told, patches = self.told(at, labels), self.patching.split(data)  # (B, D), (B, ·, *grid)
        x = self.begin(patches.flatten(2).transpose(1, 2)) + self._whereabouts()
        for block in self.blocks:
            x = block(x, told)
        gain, shift = self.end_told(told)[:, None].chunk(2, dim=2)
        x = self.end(normed(x, gain, shift))
        return self.patching.joined(x.transpose(1, 2).reshape(patches.shape))

    def _whereabouts(self) -> Tensor:
        """The sum of the vectors of each patch's places, (N, D)."""
        axes = len(self.places)
        total: Tensor = sum(
            (
                v.view(*(-1 if i == axis else 1 for i in range(axes)), v.shape[1])
                for axis, v in enumerate(self.places)
            ),
            torch.zeros((), device=self.end.weight.device),
        )
        return total.reshape(-1, total.shape[-1])


def normed(x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """Each patch with mean 0 and variance 1 over its channels, then a gain around 1 and a shift."""
    return F.layer_norm(x, x.shape[-1:]) * (1 + gain) + shift
