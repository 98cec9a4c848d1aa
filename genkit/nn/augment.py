"""DiffAugment: differentiable augmentation of what a discriminator sees (Zhao et al. 2020).

Real and generated examples pass through the same random changes, so the discriminator cannot memorise a
small training set and the generator does not learn the changes.  Arrays (B, C, S…) in [-1, 1], of one axis,
two or three; the random numbers are arguments, uniform in [0, 1), (B, n).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SHIFT, CUT = 1 / 8, 1 / 2  # shares of an axis, as in the paper
EMPTY = {1: 0.0, 2: -1.0}  # what comes in from outside, by the number of axes: silence, black


def colour(images: Tensor, uniform: Tensor) -> Tensor:
    """Brightness within ±½, saturation 0 to 2, contrast ½ to 1½ (paper, section 4.1)."""
    brightness, saturation, contrast = (uniform[:, i, *[None] * (images.ndim - 1)] for i in range(3))
    images = images + (brightness - 0.5)
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * (2 * saturation) + grey
    mean = images.mean(tuple(range(1, images.ndim)), keepdim=True)
    return (images - mean) * (contrast + 0.5) + mean


def translation(data: Tensor, uniform: Tensor) -> Tensor:
    """Shifts by whole places up to an eighth of each axis; what comes in is black, of a single axis 0.

    All frames of a clip are shifted alike, and not along time.
    """
    x = _still(data)
    sizes = x.shape[2:]
    moved = [_whole(uniform[:, i], int(size * SHIFT + 0.5)) for i, size in enumerate(sizes)]
    places = [_along(i, sizes, x) - _beside(offset, sizes) for i, offset in enumerate(moved)]
    inside = _all(*((place >= 0) & (place < size) for place, size in zip(places, sizes, strict=True)))
    row = _beside(torch.arange(len(x), device=x.device), sizes)
    held = [place.clamp(0, size - 1) for place, size in zip(places, sizes, strict=True)]
    shifted = x.movedim(1, -1)[row, *held].movedim(-1, 1)
    empty = torch.full_like(shifted, EMPTY[len(sizes)])
    return torch.where(inside[:, None], shifted, empty).view_as(data)


def cutout(data: Tensor, uniform: Tensor) -> Tensor:
    """A block of half of each axis, anywhere, is set to 0, the middle of the range; in all frames alike."""
    x, within = _still(data), []
    sizes = x.shape[2:]
    for i, size in enumerate(sizes):
        start = _whole(uniform[:, i], size // 2) + size // 2 - int(size * CUT) // 2
        place = _along(i, sizes, x) - _beside(start, sizes)
        within.append((place >= 0) & (place < int(size * CUT)))
    return x.masked_fill(_all(*within)[:, None], 0.0).view_as(data)


def _still(data: Tensor) -> Tensor:
    """Clips (B, C, T, H, W) as images of C·T channels: what is done to those is done to every frame."""
    return data.flatten(1, 2) if data.ndim == 5 else data


def _whole(uniform: Tensor, most: int) -> Tensor:
    """Uniform numbers in [0, 1) to whole ones in -most … most, (B,)."""
    return (uniform * (2 * most + 1)).floor().long() - most


def _along(axis: int, sizes: torch.Size, like: Tensor) -> Tensor:
    """The places along one axis, beside the batch and the others, (1, …, S, …, 1)."""
    shape = [1] * (len(sizes) + 1)
    shape[axis + 1] = sizes[axis]
    return torch.arange(sizes[axis], device=like.device).view(shape)


def _beside(rows: Tensor, sizes: torch.Size) -> Tensor:
    """A number of each example, (B,), beside the axes, (B, 1, …)."""
    return rows.view(-1, *[1] * len(sizes))


def _all(first: Tensor, *others: Tensor) -> Tensor:
    """Where all hold, by broadcasting."""
    for other in others:
        first = first & other
    return first


@dataclass(frozen=True)
class Policy:
    """One kind of change.

    Attributes:
        numbers: how many random numbers each example takes, by the number of axes; what has another number of
            axes cannot be changed so.
        change: what is done with them.
    """

    numbers: dict[int, int]
    change: Callable[[Tensor, Tensor], Tensor]


POLICIES = {
    "colour": Policy({2: 3, 3: 3}, colour),
    "translation": Policy({1: 1, 2: 2, 3: 2}, translation),
    "cutout": Policy({1: 1, 2: 2, 3: 2}, cutout),
}
