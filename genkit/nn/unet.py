"""A U-Net over one to three axes (Ronneberger et al. 2015; Ho et al. 2020): down to few places and up again,
each level with what was found there on the way down.

Legend: B batch, C channels, S… sizes of the axes, T numbers told.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.axes import CONVOLUTIONS, Sizes
from genkit.nn.halvings import Padding, halvings
from genkit.nn.memory_format import to_channels_last
from genkit.nn.patching import Patching
from genkit.nn.places_attention import PlacesAttention
from genkit.nn.residual_block import ResidualBlock, group_norm
from genkit.nn.time_and_label import TimeAndLabel

WIDEST = 4  # times the width of the first level
SEEN = 64  # places among which there is attention, at most; among more it costs more than it brings


class Level(nn.Module):
    """Residual blocks, each with attention behind it where the places are few.

    Args:
        inputs: channels of what each block takes.
        places: of the level.
    """

    def __init__(
        self,
        inputs: list[int],
        width: int,
        axes: int,
        told: int,
        places: int,
        heads: int | None,
        dropout: float,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ResidualBlock(narrow, width, axes, told=told, dropout=dropout) for narrow in inputs
        )
        seeing = 1 < places <= SEEN
        self.attention = nn.ModuleList(
            PlacesAttention(width, heads) if seeing else nn.Identity() for _ in inputs
        )

    def forward(self, x: Tensor, told: Tensor, kept: list[Tensor]) -> Tensor:
        """On the way down: what each block finds is kept."""
        for block, attention in zip(self.blocks, self.attention, strict=True):
            x = attention(block(x, told))
            kept.append(x)
        return x


class Rise(Level):
    """As a level on the way up: each block sees the last of what was kept, which is taken away."""

    def forward(self, x: Tensor, told: Tensor, kept: list[Tensor]) -> Tensor:
        for block, attention in zip(self.blocks, self.attention, strict=True):
            x = attention(block(torch.cat((x, kept.pop()), dim=1), told))
        return x


class UNet(nn.Module):
    """Arrays (B, C, S…), times (B,) and labels (B,) to arrays (B, C, S…); at first to 0.

    Args:
        channels: C.
        sizes: S….
        width: channels of the first level; each next one has twice as many, `WIDEST` times the first at most.
        levels: how many there are at most; None: as many as leave 4 to 7 blocks along each axis.
        blocks: residual blocks of each level, on either way.
        heads: of the attention among 64 places or fewer; None: see `PlacesAttention`.
        patch: side of the blocks of places that are one place of the first level.
        dropout: in each block.
        classes: of labels; see `TimeAndLabel`.
    """

    __call__: Callable[..., Tensor]

    def __init__(
        self,
        channels: int,
        sizes: Sizes,
        *,
        width: int,
        levels: int | None,
        blocks: int,
        heads: int | None,
        patch: int,
        dropout: float,
        classes: int,
    ) -> None:
        super().__init__()
        axes, told = len(sizes), 4 * width
        convolution = CONVOLUTIONS[axes]
        self.patching = Patching.of(sizes, patch)
        factors = halvings(self.patching.grid, most=None if levels is None else levels - 1)
        self.padding = Padding.of_levels(self.patching.grid, factors)
        self.factors = factors
        widths = [min(width << i, WIDEST * width) for i in range(len(factors) + 1)]
        places = [prod(self.padding.padded)]
        for each in factors:
            places.append(places[-1] // prod(each))
        numbers = channels * self.patching.numbers
        self.told = TimeAndLabel(told, classes)
        self.begin = convolution(numbers, width, 3, padding=1)
        self.down = nn.ModuleList(
            Level([wide] * blocks, wide, axes, told, there, heads, dropout)
            for wide, there in zip(widths, places, strict=True)
        )
        self.shrink = nn.ModuleList(
            convolution(narrow, wide, 3, stride=each, padding=1)
            for (narrow, wide), each in zip(pairwise(widths), factors, strict=True)
        )
        self.middle = ResidualBlock(widths[-1], widths[-1], axes, told=told, dropout=dropout)
        self.up = nn.ModuleList(
            Rise([2 * wide] * blocks, wide, axes, told, there, heads, dropout)
            for wide, there in zip(widths, places, strict=True)
        )
        self.grow = nn.ModuleList(
            convolution(wide, narrow, 3, padding=1) for narrow, wide in pairwise(widths)
        )
        self.norm, self.end = group_norm(width), convolution(width, numbers, 3, padding=1)
        for parameter in self.end.parameters():
            nn.init.zeros_(parameter)
        to_channels_last(self, axes)

    def forward(self, data: Tensor, at: Tensor, labels: Tensor | None = None) -> Tensor:
        told = self.told(at, labels)
        x: Tensor = self.begin(self.padding.pad(self.patching.split(data)))
        kept: list[Tensor] = []
        for number, level in enumerate(self.down):
            x = level(x, told, kept)
            if number < len(self.shrink):
                x = self.shrink[number](x)
        x = self.middle(x, told)
        for number, level in reversed([*enumerate(self.up)]):
            if number < len(self.grow):
                wider = F.interpolate(x, scale_factor=self.factors[number], mode="nearest")
                x = self.grow[number](wider)
            x = level(x, told, kept)
        x = self.padding.crop(self.end(F.silu(self.norm(x))))
        return self.patching.joined(x)
