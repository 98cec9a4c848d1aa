"""What a model reads in the place of an example as its medium has it: a reversible map, as plain data.

A spec carries it, so that a run can turn what its model draws into what is heard without importing any data.
Nothing here imports torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

NEAR = 1e-3  # of a level: the rounding of float32 is a hundredth of it, at 256 levels


@dataclass(frozen=True)
class Representation(ABC):
    """Levels of their own over axes of their own, and the way back.

    A subclass is a frozen dataclass of plain values, from which it is rebuilt; one that is built of values
    that describe no such map raises ValueError.

    Attributes:
        name: in specs and messages.
        axes: the names of its axes, without that of the channels.
        order: the axes in the order in which tokens stand, the slowest first.
        parts: what of an example can be hidden: names of `genkit.core.observation`.
        rest: that one of the parts without which a beginning is left, in the order of tokens.
        levels: how many values an entry can take.
    """

    name: ClassVar[str]
    axes: ClassVar[tuple[str, ...]]
    order: ClassVar[tuple[int, ...]]
    parts: ClassVar[tuple[str, ...]]
    rest: ClassVar[str]

    levels: int

    @abstractmethod
    def sizes(self, native: tuple[int, ...]) -> tuple[int, ...]:
        """Its sizes, of an example whose sizes are `native`.

        Raises:
            ValueError: it represents no such example.
        """

    @abstractmethod
    def native(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes of the example that one of its sizes stands for.

        Raises:
            ValueError: it has no such sizes.
        """

    @abstractmethod
    def forward(self, arrays: np.ndarray) -> np.ndarray:
        """Examples as their medium shows them, (n, C, *native), to levels, uint8 (n, C, *sizes)."""

    @abstractmethod
    def back(self, unit: np.ndarray) -> np.ndarray:
        """Floats in [0, 1], level / (levels - 1), (n, C, *sizes), to examples as their medium shows them,
        (n, C, *native).  What becomes of one depends on no other."""

    def to_dict(self) -> dict[str, object]:
        """Plain values that `representation_from_dict` rebuilds it from."""
        return {"name": self.name, **asdict(self)}

    def entries(self, unit: np.ndarray) -> np.ndarray:
        """Floats in [0, 1] as levels, float64 from 0 to levels - 1: what float32 has moved a little away from
        a whole level is that level again, so that a sample is the same as the example that it equals."""
        levels = np.asarray(unit, np.float64) * (self.levels - 1)
        whole = np.rint(levels)
        return np.where(np.abs(levels - whole) < NEAR, whole, levels)


def checked(representation: Representation, ranges: Mapping[str, tuple[float, float]]) -> None:
    """See that attributes are numbers of a range, both ends included.

    Raises:
        ValueError: one is not; it and the range are named.
    """
    for name, (low, high) in ranges.items():
        value = getattr(representation, name)
        if not low <= value <= high:  # (nor is what is no number)
            said = f"{representation.name}.{name} is {str(value)[:20]}"
            raise ValueError(f"{said}, and must be from {low:,.12g} to {high:,.12g}")
