"""How often the sizes of an array are halved by a network, and what is padded so that they can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch.nn.functional as F
from torch import Tensor

from genkit.nn.axes import Sizes


def halvings(sizes: Sizes, smallest: int = 4, most: int | None = None) -> tuple[Sizes, ...]:
    """By what each axis is divided on the way from one level to the next, 2 or 1, from the data on.

    An axis is halved, an odd size upwards, while at least `smallest` places are left; for 4 there are 4 to 7
    in the end, whatever the size.  One that is short takes part in the halvings next to the data.

    Args:
        most: halvings at most.
    """
    each = []
    for size in sizes:
        times = 0
        while size >= 2 * smallest and (most is None or times < most):
            size, times = (size + 1) // 2, times + 1
        each.append(times)
    return tuple(tuple(2 if level < times else 1 for times in each) for level in range(max(each, default=0)))


@dataclass(frozen=True)
class Padding:
    """Zeros around an array so that its sizes can be divided, and the way back.

    Attributes:
        sizes: of the array.
        multiples: by which each must be divisible.
    """

    sizes: Sizes
    multiples: Sizes

    @classmethod
    def of_levels(cls, sizes: Sizes, levels: Sequence[Sizes]) -> Padding:
        """For a network that divides by these factors one after another."""
        return cls(sizes, tuple(prod(level[axis] for level in levels) for axis in range(len(sizes))))

    @property
    def padded(self) -> Sizes:
        """The sizes with what is put around."""
        return tuple(-(-size // by) * by for size, by in zip(self.sizes, self.multiples, strict=True))

    @property
    def smallest(self) -> Sizes:
        """The padded sizes, divided."""
        return tuple(size // by for size, by in zip(self.padded, self.multiples, strict=True))

    @property
    def _before(self) -> Sizes:
        """Zeros in front of each axis: half of all, downwards."""
        return tuple((to - size) // 2 for size, to in zip(self.sizes, self.padded, strict=True))

    def pad(self, data: Tensor) -> Tensor:
        """(…, *sizes) to (…, *padded)."""
        if self.padded == self.sizes:
            return data
        ends: list[int] = []
        for size, to, before in reversed([*zip(self.sizes, self.padded, self._before, strict=True)]):
            ends += [before, to - size - before]
        return F.pad(data, ends)

    def crop(self, data: Tensor) -> Tensor:
        """(…, *padded) to (…, *sizes)."""
        if self.padded == self.sizes:
            return data
        for axis, (size, before) in enumerate(zip(self.sizes, self._before, strict=True), -len(self.sizes)):
            data = data.narrow(axis, before, size)
        return data
