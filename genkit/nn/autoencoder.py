"""Encoders and decoders of arrays for a VAE.

Either takes labels, int64 (B,), where it is made for `classes` of them; 0 stands for none.

Legend: B batch, C channels, S… sizes of the axes, L latent size, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.axes import SizeError, Sizes, Stride, stride
from genkit.nn.convolutions import he_initialise
from genkit.nn.memory_format import to_channels_last
from genkit.nn.resampling import DOWN, UP
from genkit.nn.residual import Residual


class ArrayEncoder(nn.Module):
    """Arrays (B, C, S…) to (B, outputs): a trunk, then one hidden layer that sees the label too."""

    __call__: Callable[..., Tensor]

    def __init__(self, trunk: nn.Module, features: int, hidden: int, outputs: int, classes: int = 0) -> None:
        super().__init__()
        self.trunk, self.classes = trunk, classes
        self.head = nn.Sequential(
            nn.Linear(features + classes, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )

    def forward(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        vector: Tensor = self.head(with_labels(self.trunk(data).flatten(1), labels, self.classes))
        return vector


class ArrayDecoder(nn.Module):
    """Latents (B, L) to (B, outputs, S…): one hidden layer that sees the label too, then a trunk.

    Args:
        small: channels and sizes of what the trunk takes.
    """

    __call__: Callable[..., Tensor]

    def __init__(
        self, trunk: nn.Module, small: tuple[int, ...], hidden: int, latent_size: int, classes: int = 0
    ) -> None:
        super().__init__()
        self.trunk, self.classes = trunk, classes
        self.head = nn.Sequential(
            nn.Linear(latent_size + classes, hidden), nn.ReLU(), nn.Linear(hidden, prod(small))
        )
        self.unflatten = nn.Unflatten(1, small)

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        data: Tensor = self.trunk(self.unflatten(self.head(with_labels(latent, labels, self.classes))))
        return data


def with_labels(x: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """Vectors (B, N) with the label as K more numbers, one of them 1; as they are without classes."""
    if not classes:
        return x
    assert labels is not None
    return torch.cat((x, F.one_hot(labels, classes).to(x)), dim=1)


SMALL = 64  # places of a single axis that a hidden layer sees, at most, where they can be so few
Shape = tuple[int, ...]  # channels, then the size of each axis
Pair = tuple[ArrayEncoder, ArrayDecoder]


def divisions(sizes: Sizes) -> tuple[Stride, ...]:
    """What divides the sizes on the way in: each is halved twice, and time, the first of three, as often as
    that goes.  A single axis is divided by 4 where that goes, twice and until fewer than `SMALL` places are
    left: a hidden layer on a thousand places would hold nearly all weights, and a kernel hear no more than a
    few periods of a sound.

    Raises:
        SizeError: an axis that must be halved cannot be.
    """
    if len(sizes) == 1 and sizes[0] % 16 == 0:
        times = 2
        while sizes[0] % 4 ** (times + 1) == 0 and sizes[0] // 4**times >= SMALL:
            times += 1
        return (stride(4),) * times
    time, sides = (sizes[:1], sizes[1:]) if len(sizes) == 3 else ((), sizes)
    for axis, side in enumerate(sides, start=len(time)):
        if side % 4:
            raise SizeError(f"halves the sides twice, {'×'.join(map(str, sizes))} cannot be", axis)
    first, second = ([2 if t % multiple == 0 else 1 for t in time] for multiple in (2, 4))
    return stride(*first, *(2 for _ in sides)), stride(*second, *(2 for _ in sides))


def divided(sizes: Sizes, *steps: Stride) -> Sizes:
    """Sizes after some steps."""
    factors = zip(*(step.factors for step in steps), strict=True)
    return tuple(size // prod(each) for size, each in zip(sizes, factors, strict=True))


def mlp_pair(shape: Shape, outputs: int, latent_size: int, hidden: int, width: int, classes: int) -> Pair:
    """One hidden layer each way."""
    channels, *sizes = shape
    encoder = ArrayEncoder(nn.Identity(), prod(shape), hidden, 2 * latent_size, classes)
    decoder = ArrayDecoder(nn.Identity(), (outputs * channels, *sizes), hidden, latent_size, classes)
    return encoder, decoder


def conv_pair(shape: Shape, outputs: int, latent_size: int, hidden: int, width: int, classes: int) -> Pair:
    """Divisions of the sizes by strided convolutions, then a hidden layer; the decoder is its mirror.

    Raises:
        SizeError: see `divisions`.
    """
    channels, axes, steps = shape[0], len(shape) - 1, divisions(shape[1:])
    shrink, grow, widths = DOWN[axes], UP[axes], [width << i for i in range(len(steps))]
    down: list[nn.Module] = []
    for (narrow, wide), step in zip(pairwise((channels, *widths)), steps, strict=True):
        down += [shrink(narrow, wide, *step.down), nn.ReLU()]
    up: list[nn.Module] = []
    for (narrow, wide), step in reversed([*zip(pairwise((outputs * channels, *widths)), steps, strict=True)]):
        up += [nn.ReLU(inplace=bool(up)), grow(wide, narrow, *step.up)]
    small = (widths[-1], *divided(shape[1:], *steps))
    return (
        ArrayEncoder(_lined(down, axes), prod(small), hidden, 2 * latent_size, classes),
        ArrayDecoder(_lined(up, axes), small, hidden, latent_size, classes),
    )


def residual_pair(
    shape: Shape, outputs: int, latent_size: int, hidden: int, width: int, classes: int
) -> Pair:
    """As `conv_pair` with two residual blocks at each size but the full one.

    Raises:
        SizeError: see `divisions`.
    """
    channels, axes, steps = shape[0], len(shape) - 1, divisions(shape[1:])
    shrink, grow, widths = DOWN[axes], UP[axes], [width << i for i in range(len(steps))]
    down: list[nn.Module] = []
    for (narrow, wide), step in zip(pairwise((channels, *widths)), steps, strict=True):
        down += [shrink(narrow, wide, *step.down), Residual(wide, axes), Residual(wide, axes)]
    up: list[nn.Module] = []
    for (narrow, wide), step in reversed([*zip(pairwise((outputs * channels, *widths)), steps, strict=True)]):
        up += [Residual(wide, axes), Residual(wide, axes), nn.SiLU(), grow(wide, narrow, *step.up)]
    small = (widths[-1], *divided(shape[1:], *steps))
    return (
        ArrayEncoder(_lined([*down, nn.SiLU()], axes), prod(small), hidden, 2 * latent_size, classes),
        ArrayDecoder(_lined(up, axes), small, hidden, latent_size, classes),
    )


def _lined(layers: list[nn.Module], axes: int) -> nn.Module:
    """A trunk.  Behind many long kernels what comes out begins as large as what went in, or the latents would
    not be heard: as torch begins, each transposed convolution makes it several times weaker."""
    trunk = nn.Sequential(*layers)
    if axes == 1:
        he_initialise(trunk)
    return to_channels_last(trunk, axes)


# By name: makers of an encoder to mean and log-variance (B, 2 L) and of a decoder to (B, outputs · C, S…).
PAIRS: dict[str, Callable[[Shape, int, int, int, int, int], Pair]] = {
    "mlp": mlp_pair,
    "conv": conv_pair,
    "residual": residual_pair,
}
