"""Blocks of neighbouring places as more channels of fewer places, and back; exact, over any number of axes.

Legend: B batch, C channels, S… sizes of the axes, p the side of a block, N numbers of a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from torch import Tensor

from genkit.nn.axes import Sizes
from genkit.nn.halvings import Padding


@dataclass(frozen=True)
class Patching:
    """Arrays of some sizes in blocks, padded where they are no multiple.

    Attributes:
        padding: of the arrays, to multiples of the blocks at least.
        sides: of a block along each axis.
    """

    padding: Padding
    sides: Sizes

    @classmethod
    def of(cls, sizes: Sizes, side: int) -> Patching:
        """Blocks of one side, but no longer than an axis is."""
        sides = tuple(min(side, size) for size in sizes)
        return cls(Padding(sizes, sides), sides)

    @property
    def numbers(self) -> int:
        """Places of a block."""
        return prod(self.sides)

    @property
    def grid(self) -> Sizes:
        """How many blocks there are along each axis."""
        return tuple(size // side for size, side in zip(self.padding.padded, self.sides, strict=True))

    def split(self, data: Tensor) -> Tensor:
        """(B, C, *sizes) to (B, C · N, *grid)."""
        data, axes = self.padding.pad(data), len(self.sides)
        B, C = data.shape[:2]
        pairs = [n for pair in zip(self.grid, self.sides, strict=True) for n in pair]
        blocks = data.reshape(B, C, *pairs)  # (B, C, g, p, g, p, …)
        inner, outer = range(3, 3 + 2 * axes, 2), range(2, 2 + 2 * axes, 2)
        return blocks.permute(0, 1, *inner, *outer).reshape(B, C * self.numbers, *self.grid)

    def joined(self, blocks: Tensor) -> Tensor:
        """(B, C · N, *grid) to (B, C, *sizes)."""
        B, axes = len(blocks), len(self.sides)
        apart = blocks.reshape(B, -1, *self.sides, *self.grid)  # (B, C, p, p, …, g, g, …)
        order = [axis for i in range(axes) for axis in (2 + axes + i, 2 + i)]
        return self.padding.crop(apart.permute(0, 1, *order).reshape(B, -1, *self.padding.padded))
