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
from genkit.nn.picture_paths import DARK, LOUD, PicturePaths, followed, moved
from genkit.nn.resampling import DOWN, UP
from genkit.nn.residual import Residual
from genkit.nn.resnet_autoencoder import ResnetDecoder, ResnetEncoder, resnet_pair


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


class MovingEncoder(nn.Module):
    """Arrays (B, C, S…) to (B, 2 L): an encoder says where something is, in W latents, and with what is seen
    there what it is, in the others.

    Args:
        glance: an encoder to `hidden` numbers.
        paths: on which the decoder moves it.
    """

    __call__: Callable[..., Tensor]

    def __init__(
        self, glance: ArrayEncoder, paths: PicturePaths, channels: int, hidden: int, latents: tuple[int, int]
    ) -> None:
        super().__init__()
        where, what = latents
        self.glance, self.paths, self.classes = glance, paths, glance.classes
        self.where = nn.Linear(hidden, 2 * where)
        seen = channels * prod(paths.picture) + hidden + self.classes
        self.what = nn.Sequential(nn.Linear(seen, hidden), nn.SiLU(), nn.Linear(hidden, 2 * what))

    def forward(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        hidden = F.silu(self.glance(data, labels))
        where, its_variance = self.where(hidden).chunk(2, dim=1)
        seen = torch.cat((hidden, followed(data, self.paths(where)).flatten(1)), dim=1)
        what, variance = self.what(with_labels(seen, labels, self.classes)).chunk(2, dim=1)
        return torch.cat((where, what, its_variance, variance), dim=1)


class MovingDecoder(nn.Module):
    """Latents (B, L) to (B, outputs, S…): the first W say where a picture is, the others and the label what
    is seen in it; around it is what stands still in all data, at first the dark.

    Args:
        shape: outputs, S….
    """

    __call__: Callable[..., Tensor]

    def __init__(
        self, shape: Shape, paths: PicturePaths, hidden: int, latents: tuple[int, int], classes: int = 0
    ) -> None:
        super().__init__()
        outputs, (self.latents, what) = shape[0], (list(latents), latents[1])
        self.paths, self.classes = paths, classes
        self.picture = nn.Sequential(
            nn.Linear(what + classes, hidden),
            nn.SiLU(),
            nn.Linear(hidden, outputs * prod(paths.picture)),
            nn.Unflatten(1, (outputs, *paths.picture)),
        )
        self.still = nn.Parameter(torch.full(shape, DARK / LOUD))

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        where, what = latent.split(self.latents, dim=1)
        picture = self.picture(with_labels(what, labels, self.classes))
        clips = moved(picture, self.paths(where)).reshape(-1, *self.still.shape)
        return LOUD * (self.still + clips)


def with_labels(x: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """Vectors (B, N) with the label as K more numbers, one of them 1; as they are without classes."""
    if not classes:
        return x
    assert labels is not None
    return torch.cat((x, F.one_hot(labels, classes).to(x)), dim=1)


# Latents of a path at most: of a straight one there are two places and a direction to say.  Where there are
# more, most of what the prior draws is no path at all.
WHERE = 3
SMALL = 64  # places of a single axis that a hidden layer sees, at most, where they can be so few
Shape = tuple[int, ...]  # channels, then the size of each axis
Pair = tuple[ArrayEncoder | MovingEncoder | ResnetEncoder, ArrayDecoder | MovingDecoder | ResnetDecoder]
# Of the shape, outputs of each entry, latent size, hidden, width, classes.
Maker = Callable[[Shape, int, int, int, int, int], Pair]


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


def moving_pair(shape: Shape, outputs: int, latent_size: int, hidden: int, width: int, classes: int) -> Pair:
    """A picture half as large as the array, that is moved (`genkit.nn.picture_paths`): a decoder makes it and
    its path, an encoder looks at the array as `conv_pair`'s does, and then along the path.

    Raises:
        SizeError: see `divisions`.
    """
    channels, *sizes = shape
    axes, steps = len(sizes), divisions(shape[1:])
    widths = [width << i for i in range(len(steps))]
    down: list[nn.Module] = []
    for (narrow, wide), step in zip(pairwise((channels, *widths)), steps, strict=True):
        down += [DOWN[axes](narrow, wide, *step.down), nn.SiLU()]
    trunk = nn.Sequential(*down)
    he_initialise(
        trunk
    )  # what is heard faintly says nothing of the path before the picture is learnt without
    where = min(WHERE, latent_size // 2)
    paths, latents = PicturePaths(where, shape[1:]), (where, latent_size - where)
    features = prod((widths[-1], *divided(shape[1:], *steps)))
    glance = ArrayEncoder(to_channels_last(trunk, axes), features, hidden, hidden, classes)
    return (
        MovingEncoder(glance, paths, channels, hidden, latents),
        MovingDecoder((outputs * channels, *sizes), paths, hidden, latents, classes),
    )


def _lined(layers: list[nn.Module], axes: int) -> nn.Module:
    """A trunk.  Behind many long kernels what comes out begins as large as what went in, or the latents would
    not be heard: as torch begins, each transposed convolution makes it several times weaker."""
    trunk = nn.Sequential(*layers)
    if axes == 1:
        he_initialise(trunk)
    return to_channels_last(trunk, axes)


# By name: makers of an encoder to mean and log-variance (B, 2 L) and of a decoder to (B, outputs · C, S…).
PAIRS: dict[str, Maker] = {
    "mlp": mlp_pair,
    "conv": conv_pair,
    "residual": residual_pair,
    "moving": moving_pair,
    "resnet": resnet_pair,
}
