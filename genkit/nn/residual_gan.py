"""A generator and a discriminator of residual blocks without normalisation (R3GAN; Huang et al. 2024), for
arrays of any sizes over one to three axes.

Sizes are halved down to 4 to 7 places an axis (`genkit.nn.halvings`), 16 to 31 of a single one; what cannot
be halved so is padded in front of the discriminator, and cropped behind the generator.  Blocks stand at every
level; between levels values are averaged, or interpolated.  Either network takes labels, int64 (B,), where it
is made for `classes` of them.

Legend: B batch, C channels, S… sizes of the axes, L latent size, W width, F features at the small end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.axes import CONVOLUTIONS, Sizes, stride
from genkit.nn.bottleneck import Bottleneck, begin
from genkit.nn.halvings import Padding, halvings
from genkit.nn.phase_shuffle import shuffled
from genkit.nn.precision import widened
from genkit.nn.resampling import DOWN, nearest

SMALLEST = {1: 16, 2: 4, 3: 4}  # places of an axis that are not halved again, by the number of axes
AVERAGES = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


@dataclass(frozen=True)
class Ladder:
    """The levels of a network from the data down to its small end, and what stands at each.

    Attributes:
        sizes: S….
        width: channels at the first level; they double from one to the next.
        widest: channels at most.
        blocks: at each level.
        expansion, group: of each block, see `genkit.nn.bottleneck.Bottleneck`.
        strided: the layer next to the data is a strided convolution, as DCGAN's, and the first level has half
            their size: a quarter of the places; else it is a convolution of 1.
    """

    sizes: Sizes
    width: int
    widest: int
    blocks: int
    expansion: int
    group: int
    strided: bool

    @property
    def axes(self) -> int:
        return len(self.sizes)

    @property
    def factors(self) -> tuple[Sizes, ...]:
        """What divides the sizes step by step, from the data on."""
        return halvings(self.sizes, SMALLEST[self.axes])

    @property
    def padding(self) -> Padding:
        return Padding.of_levels(self.sizes, self.factors)

    @property
    def stem(self) -> Sizes | None:
        """What the layer next to the data divides by; None where it does not."""
        return self.factors[0] if self.strided and self.factors else None

    @property
    def between(self) -> tuple[Sizes, ...]:
        """What divides the sizes between two levels with blocks."""
        return self.factors[1:] if self.stem else self.factors

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(min(self.width << i, max(self.width, self.widest)) for i in range(len(self.between) + 1))

    def blocks_of(self, width: int, classes: int = 0) -> Blocks:
        """Those of a level."""
        return Blocks(
            Bottleneck(
                width,
                self.axes,
                expansion=self.expansion,
                group=self.group,
                depth=self.blocks * len(self.widths),
                classes=classes,
            )
            for _ in range(self.blocks)
        )


class Blocks(nn.Module):
    """One after another, each told the labels."""

    __call__: Callable[..., Tensor]

    def __init__(self, blocks: Iterable[Bottleneck]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, labels)
        return x


class ResidualGenerator(nn.Module):
    """Latents (B, L) to arrays (B, C, S…) in [-1, 1].

    With classes, a vector of the label stands beside the latent, and every block has gains and shifts of the
    label.
    """

    __call__: Callable[..., Tensor]

    def __init__(self, latent_size: int, channels: int, ladder: Ladder, classes: int = 0) -> None:
        super().__init__()
        axes, widths = ladder.axes, ladder.widths[::-1]
        self.padding, self.factors = ladder.padding, ladder.between[::-1]
        self.classes = nn.Embedding(classes, latent_size) if classes else None
        self.basis = nn.Parameter(torch.randn(1, widths[0], *self.padding.smallest))
        self.first = nn.Linear(latent_size * (2 if classes else 1), widths[0])
        begin(self.first, 1.0)
        self.stages = nn.ModuleList(ladder.blocks_of(width, classes) for width in widths)
        self.transitions = nn.ModuleList(_channels(*pair, axes) for pair in pairwise(widths))
        if ladder.stem:
            self.to_data: nn.Module = nearest(widths[-1], channels, stride(*ladder.stem), bias=False)
            kernel = next(self.to_data.parameters())
            nn.init.normal_(kernel, 0.0, (widths[-1] * prod(kernel.shape[2:])) ** -0.5)
        else:
            self.to_data = _channels(widths[-1], channels, axes)

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.drawn(latent, labels).tanh()

    def drawn(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the arrays are before they are brought into their range."""
        if self.classes is not None:
            latent = torch.cat((latent, self.classes(labels)), dim=1)
        axes = self.basis.ndim - 2
        x = self.basis * self.first(latent)[(..., *[None] * axes)]
        for level, blocks in enumerate(self.stages):
            if level:
                x = self.transitions[level - 1](x)  # before there are more places: the two commute
                scale = tuple(map(float, self.factors[level - 1]))
                x = F.interpolate(x, scale_factor=scale, mode=MODES[axes], align_corners=False)
            x = blocks(x, labels)
        return self.padding.crop(self.to_data(x))


class ResidualDiscriminator(nn.Module):
    """Arrays (B, C, S…) in [-1, 1] to logits (B,), float32 under any autocast.

    With classes, the projection of the label on the last features is added to the logit (Miyato and Koyama
    2018, equation 3).

    Attributes:
        joints: levels behind which what goes on can be shuffled: all but the last.
    """

    __call__: Callable[..., Tensor]

    def __init__(self, channels: int, ladder: Ladder, classes: int = 0) -> None:
        super().__init__()
        axes, widths = ladder.axes, ladder.widths
        self.padding, self.factors = ladder.padding, ladder.between
        if ladder.stem:
            self.of_data: nn.Module = DOWN[axes](channels, widths[0], *stride(*ladder.stem).down)
            begin(self.of_data, 1.0)
        else:
            self.of_data = _channels(channels, widths[0], axes, bias=True)
        self.stages = nn.ModuleList(ladder.blocks_of(width) for width in widths)
        self.transitions = nn.ModuleList(_channels(*pair, axes) for pair in pairwise(widths))
        self.joints = tuple(range(len(widths) - 1))
        places = prod(self.padding.smallest)
        self.basis = nn.Parameter(torch.randn(1, widths[-1], *self.padding.smallest) / places**0.5)
        self.to_logit = nn.Parameter(torch.randn(widths[-1]) / widths[-1] ** 0.5)
        self.classes = nn.Embedding(classes, widths[-1]) if classes else None
        if self.classes is not None:
            nn.init.normal_(self.classes.weight, 0.0, widths[-1] ** -0.5)

    def forward(self, data: Tensor, labels: Tensor | None = None, shifts: Tensor | None = None) -> Tensor:
        """Logits.

        Args:
            shifts: over a single axis, places by which phase shuffle moves what leaves each of `joints`.
        """
        x, averages = self.of_data(self.padding.pad(data)), AVERAGES[data.ndim - 2]
        for level, blocks in enumerate(self.stages):
            if level:
                x = self.transitions[level - 1](averages(x, self.factors[level - 1]))
            x = blocks(x)
            if shifts is not None and level in self.joints:
                x = shuffled(x, shifts[level])
        features = (widened(x) * self.basis).flatten(2).sum(2)  # (B, F)
        logits = (features * self.to_logit).sum(1)
        if self.classes is not None:
            assert labels is not None
            logits = logits + (self.classes(labels) * features).sum(1)
        return logits


def _channels(inputs: int, outputs: int, axes: int, bias: bool = False) -> nn.Module:
    """A convolution of 1, from some channels to as many as there shall be."""
    if inputs == outputs:
        return nn.Identity()
    layer = CONVOLUTIONS[axes](inputs, outputs, 1, bias=bias)
    begin(layer, 1.0)
    return layer
