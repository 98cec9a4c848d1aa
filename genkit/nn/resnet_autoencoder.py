"""Encoder and decoder of a VAE as deep as its data is large: residual blocks at each size, attention at the
smallest, latents of the whole and at places.

The latents of the whole are drawn first, then, from the smallest size on, those at each place, given all
before them (Sønderby et al. 2016, LVAE; Child 2021, VDVAE).  The decoder goes one way down, whether it draws
or is told what an encoder saw.  Each latent is measured from what its prior, given those before, would be, in
its deviations (Vahdat and Kautz 2020, section 3.2, NVAE): in these coordinates the prior of all latents is
N(0, I), however deep the network, and so it is to everyone else.

Either takes labels, int64 (B,), where it is made for `classes` of them; 0 stands for none.

Legend: B batch, C channels, S… sizes of the axes, L latents in all, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.axes import CONVOLUTIONS, Sizes
from genkit.nn.depth import Depth, DepthLevel, levels
from genkit.nn.halvings import Padding
from genkit.nn.memory_format import to_channels_last
from genkit.nn.passage import Draw, Passage, tiled
from genkit.nn.places_attention import PlacesAttention
from genkit.nn.resampling import DOWN, UP
from genkit.nn.residual_block import ResidualBlock, group_norm


class Stack(nn.Module):
    """The blocks at one size, which are told the label."""

    __call__: Callable[..., Tensor]

    def __init__(self, level: DepthLevel, axes: int, classes: int, attention: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ResidualBlock(level.channels, level.channels, axes, told=classes) for _ in range(level.blocks)
        )
        self.attention = PlacesAttention(level.channels) if attention else nn.Identity()

    def forward(self, x: Tensor, told: Tensor | None) -> Tensor:
        for block in self.blocks:
            x = block(x, told)
        seen: Tensor = self.attention(x)
        return seen


class ResnetEncoder(nn.Module):
    """Arrays (B, C, S…) to what is seen of them, (B, N): mean and log-variance of each latent of the whole,
    then the channels at the places of each level that has latents, from the smallest on."""

    __call__: Callable[..., Tensor]

    def __init__(self, shape: Sizes, latent_size: int, hidden: int, classes: int, depth: Depth) -> None:
        super().__init__()
        axes, self.levels, self.classes = len(shape) - 1, levels(shape[1:], depth), classes
        self.padding = Padding.of_levels(shape[1:], [level.step.factors for level in self.levels])
        widths = (shape[0], *(level.channels for level in self.levels))
        steps = [level.step for level in self.levels]
        self.steps = nn.ModuleList(
            DOWN[axes](narrow, wide, *step.down)
            for (narrow, wide), step in zip(pairwise(widths), steps, strict=True)
        )
        smallest = self.levels[-1]
        self.stacks = nn.ModuleList(
            Stack(level, axes, classes, depth.attention and level is smallest) for level in self.levels
        )
        features = smallest.channels * prod(smallest.sizes)
        self.look = nn.Sequential(group_norm(smallest.channels), nn.SiLU(), nn.Flatten())
        self.whole = nn.Sequential(
            nn.Linear(features + classes, hidden), nn.SiLU(), nn.Linear(hidden, 2 * latent_size)
        )
        to_channels_last(self, axes)

    def forward(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        x, told, seen = self.padding.pad(data), _one_of(labels, self.classes, data), []
        for level, step, stack in zip(self.levels, self.steps, self.stacks, strict=True):
            x = stack(step(x), told)
            if level.latents:
                seen.append(x.flatten(1))
        return torch.cat((self.whole(_beside(self.look(x), told)), *reversed(seen)), dim=1)


class PlacesPosterior(nn.Module):
    """Mean and log-variance (B, 2 l, S…) of the latents at the places of a level, of what the encoder saw
    there and of what the decoder has so far."""

    __call__: Callable[..., Tensor]

    def __init__(self, channels: int, latents: int, axes: int) -> None:
        super().__init__()
        convolution = CONVOLUTIONS[axes]
        self.layers = nn.Sequential(
            nn.SiLU(),
            convolution(2 * channels, channels, 3, padding=1),
            nn.SiLU(),
            convolution(channels, 2 * latents, 1),
        )

    def forward(self, seen: Tensor, hidden: Tensor) -> Tensor:
        moments: Tensor = self.layers(torch.cat((seen, hidden), dim=1))
        return moments


class ResnetDecoder(nn.Module):
    """Latents (B, L) to (B, outputs, S…): those of the whole, then those at places from the smallest size on.

    Attributes:
        latents, seen: of each group of latents, in this order, how many there are and of how many numbers an
            encoder says where they are.
    """

    __call__: Callable[..., Tensor]

    def __init__(self, shape: Sizes, latent_size: int, hidden: int, classes: int, depth: Depth) -> None:
        super().__init__()
        axes, found, self.classes = len(shape) - 1, levels(shape[1:], depth), classes
        self.padding = Padding.of_levels(shape[1:], [level.step.factors for level in found])
        self.levels = found[::-1]
        smallest, convolution = self.levels[0], CONVOLUTIONS[axes]
        self.begin = nn.Sequential(
            nn.Linear(latent_size + classes, hidden),
            nn.SiLU(),
            nn.Linear(hidden, smallest.channels * prod(smallest.sizes)),
            nn.Unflatten(1, (smallest.channels, *smallest.sizes)),
        )
        self.stacks = nn.ModuleList(
            Stack(level, axes, classes, depth.attention and level is smallest) for level in self.levels
        )
        self.steps = nn.ModuleList(
            UP[axes](level.channels, finer.channels, *level.step.up) for level, finer in pairwise(self.levels)
        )
        self.end = nn.Sequential(
            group_norm(self.levels[-1].channels),
            nn.SiLU(),
            UP[axes](self.levels[-1].channels, shape[0], *self.levels[-1].step.up),
        )
        placed = [level for level in self.levels if level.latents]
        self.posteriors = nn.ModuleList(
            PlacesPosterior(level.channels, level.latents, axes) for level in placed
        )
        self.entries = nn.ModuleList(convolution(level.latents, level.channels, 1) for level in placed)
        self.latents = (latent_size, *(level.latents * prod(level.sizes) for level in placed))
        self.seen = (2 * latent_size, *(level.channels * prod(level.sizes) for level in placed))
        to_channels_last(self, axes)

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        whole, *places = latent.split(self.latents, dim=1)
        return self._down(whole, labels, lambda index, level, hidden: _laid(places[index], level))

    def parts(self, seen: Tensor) -> tuple[Tensor, ...]:
        """What an encoder says, (B, N), for each group of latents by itself."""
        return tuple(seen.split(self.seen, dim=1))

    def passage(self, seen: Sequence[Tensor], normal: Tensor, labels: Tensor | None = None) -> Passage:
        """Draws from q, one for each of standard normal numbers, (B, L) or (k, B, L).

        Args:
            seen: `parts` of it.
        """
        rows = normal.flatten(0, -2)
        whole, *places = (part.repeat(len(rows) // len(part), 1) for part in seen)
        first, *normals = rows.split(self.latents, dim=1)
        found = [Draw.of(whole, first)]

        def drawn(index: int, level: DepthLevel, hidden: Tensor) -> Tensor:
            said = self.posteriors[index](_laid(places[index], level), hidden)
            found.append(Draw.of(said.flatten(1), normals[index]))
            return _laid(found[-1].latent, level)

        output = self._down(found[0].latent, tiled(labels, normal), drawn)
        latent, mean, log_variance = (torch.cat(p, 1).view_as(normal) for p in zip(*found, strict=True))
        return Passage(latent, mean, log_variance, output)

    def _down(
        self, whole: Tensor, labels: Tensor | None, latents: Callable[[int, DepthLevel, Tensor], Tensor]
    ) -> Tensor:
        """From the latents of the whole to the output; `latents` gives those of each level that has some, by
        its number among them and by what the decoder has so far."""
        told = _one_of(labels, self.classes, whole)
        hidden, count = self.begin(_beside(whole, told)), 0
        for index, (level, stack) in enumerate(zip(self.levels, self.stacks, strict=True)):
            if index:
                hidden = self.steps[index - 1](hidden)
            if level.latents:
                hidden = hidden + self.entries[count](latents(count, level, hidden))
                count += 1
            hidden = stack(hidden, told)
        return self.padding.crop(self.end(hidden))


def _laid(flat: Tensor, level: DepthLevel) -> Tensor:
    """(B, n · places) as (B, n, sizes…)."""
    return flat.view(len(flat), -1, *level.sizes)


def _beside(x: Tensor, told: Tensor | None) -> Tensor:
    """(B, N), with what is told at the end."""
    return x if told is None else torch.cat((x, told), dim=1)


def _one_of(labels: Tensor | None, classes: int, like: Tensor) -> Tensor | None:
    """The label as K numbers, one of them 1, (B, K); None without classes."""
    if not classes:
        return None
    assert labels is not None
    return F.one_hot(labels, classes).to(like)


def resnet_pair(
    shape: Sizes,
    outputs: int,
    latent_size: int,
    hidden: int,
    width: int,
    classes: int,
    depth: Depth | None = None,
) -> tuple[ResnetEncoder, ResnetDecoder]:
    """Of arrays of any sizes: what cannot be halved is padded with zeros, and cropped on the way out.

    Args:
        outputs: numbers of the decoder for each entry.
        width: as the first of `depth.channels`, which double twice, where no depth is given.
    """
    depth = depth or Depth((width, 2 * width, 4 * width))
    encoder = ResnetEncoder(shape, latent_size, hidden, classes, depth)
    made = (outputs * shape[0], *shape[1:])
    return encoder, ResnetDecoder(made, latent_size, hidden, classes, depth)
