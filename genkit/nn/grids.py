"""An array as vectors on a smaller grid, and back: the networks of an autoencoder that keeps places.

Legend: B batch, C channels, S… sizes of the axes, G… sizes of the grid, W width, d numbers at a place of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

from genkit.nn.axes import CONVOLUTIONS, SizeError, Sizes, Stride, stride
from genkit.nn.convolutions import he_initialise
from genkit.nn.memory_format import to_channels_last
from genkit.nn.resampling import DOWN, UP
from genkit.nn.residual import Residual

FEW = 64  # places of a grid whose strides nobody chose, at most
WIDEST = 4  # times the channels next to the data


def strides(sizes: Sizes, chosen: Sequence[int]) -> Sizes:
    """What divides each axis.

    Args:
        chosen: powers of two, one for all axes or one for each; none: the longest axes are halved, and again,
            until there are `FEW` places, once at least.

    Raises:
        SizeError: an axis cannot be divided so, or there are not so many axes.
    """
    if not chosen:
        return _found(sizes)
    each = tuple(chosen) * len(sizes) if len(chosen) == 1 else tuple(chosen)
    if len(each) != len(sizes):
        raise SizeError(f"has {len(each)} factors, and the data {len(sizes)} axes", 0)
    for axis, (size, factor) in enumerate(zip(sizes, each, strict=True)):
        if factor & (factor - 1):
            raise SizeError(f"is of powers of two, and {factor} is none", axis)
        if size % factor:
            raise SizeError(f"divides sizes by {factor}, and {size} cannot be", axis)
    return each


def _found(sizes: Sizes) -> Sizes:
    left = list(sizes)
    while even := [axis for axis, size in enumerate(left) if size % 2 == 0]:
        if prod(left) <= FEW and left != list(sizes):
            break
        longest = max(left[axis] for axis in even)
        left = [size // 2 if axis in even and size == longest else size for axis, size in enumerate(left)]
    return tuple(size // small for size, small in zip(sizes, left, strict=True))


def steps(factors: Sizes) -> tuple[Stride, ...]:
    """Convolutions that divide by these factors one after another, from the data on: halvings, over a single
    axis by 4 where that goes; one at least, which may divide by nothing.  An axis that needs fewer takes part
    in those next to the data."""
    doublings = [factor.bit_length() - 1 for factor in factors]
    if len(factors) == 1:
        by_four, by_two = divmod(doublings[0], 2)
        return tuple(stride(factor) for factor in (4,) * by_four + (2,) * by_two or (1,))
    return tuple(stride(*(2 if i < n else 1 for n in doublings)) for i in range(max(1, *doublings)))


def grid_pair(
    channels: int, outputs: int, factors: Sizes, d: int, width: int, depth: int
) -> tuple[nn.Module, nn.Module]:
    """(B, C, S…) to (B, d, G…) by strided convolutions, with residual blocks at each size but the full one,
    and its mirror, (B, d, G…) to (B, outputs, S…).

    Args:
        width: W, channels next to the data; they double with each step, up to `WIDEST` times as many.
        depth: residual blocks at each size.
    """
    axes, ways = len(factors), steps(factors)
    convolution, shrink, grow = CONVOLUTIONS[axes], DOWN[axes], UP[axes]
    widths = [width * min(1 << i, WIDEST) for i in range(len(ways))]
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    for (narrow, wide), step in zip(pairwise((channels, *widths)), ways, strict=True):
        down += [nn.SiLU()] if down else []
        down += [shrink(narrow, wide, *step.down), *_blocks(depth, wide, axes)]
    for (narrow, wide), step in reversed([*zip(pairwise((outputs, *widths)), ways, strict=True)]):
        up += [*_blocks(depth, wide, axes), nn.SiLU(), grow(wide, narrow, *step.up)]
    encoder = nn.Sequential(*down, nn.SiLU(), convolution(widths[-1], d, 1))
    decoder = nn.Sequential(convolution(d, widths[-1], 3, padding=1), *up)
    return _begun(encoder, axes), _begun(decoder, axes)


def _blocks(depth: int, width: int, axes: int) -> list[nn.Module]:
    return [Residual(width, axes) for _ in range(depth)]


def _begun(network: nn.Module, axes: int) -> nn.Module:
    """What comes out begins as large as what goes in, and residual blocks as the identity."""
    he_initialise(network)
    for module in network.modules():
        if isinstance(module, Residual):
            module.begin()
    return to_channels_last(network, axes)
