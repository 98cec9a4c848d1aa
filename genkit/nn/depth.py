"""The sizes that a network goes through between an array and its smallest one, and what stands at each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from genkit.nn.axes import Sizes, Stride
from genkit.nn.halvings import Padding, halvings


@dataclass(frozen=True)
class Depth:
    """What stands at the sizes of a network.

    Attributes:
        channels: of each size, from the data on; the last goes on.
        blocks: residual blocks at each size, each way, in the same order; at the full size there are none.
        smallest: an axis is halved while at least so many places are left.
        attention: among the places of the smallest size.
        places: latents at each place of a size, from the smallest on; (): there are those of the whole alone.
    """

    channels: tuple[int, ...] = (32, 64, 128)
    blocks: tuple[int, ...] = (1,)
    smallest: int = 4
    attention: bool = True
    places: tuple[int, ...] = ()


class DepthLevel(NamedTuple):
    """One size of the network.

    Attributes:
        step: what leads to it from the next larger one.
        channels, blocks: that stand at it.
        sizes: of its axes.
        latents: at each place.
    """

    step: Stride
    channels: int
    blocks: int
    sizes: Sizes
    latents: int


def levels(sizes: Sizes, depth: Depth) -> tuple[DepthLevel, ...]:
    """Of arrays of these sizes, from the data on, without the full size; one at least."""
    factors = halvings(sizes, depth.smallest) or ((1,) * len(sizes),)
    left, found = Padding.of_levels(sizes, factors).padded, []
    for index, by in enumerate(factors):
        left = tuple(size // f for size, f in zip(left, by, strict=True))
        kernels = tuple(2 * f if f > 1 else 3 for f in by)
        above = len(factors) - 1 - index  # levels that are smaller
        latents = depth.places[above] if above < len(depth.places) else 0
        channels, blocks = (each[min(index, len(each) - 1)] for each in (depth.channels, depth.blocks))
        found.append(DepthLevel(Stride(by, kernels), channels, blocks, left, latents))
    return tuple(found)
