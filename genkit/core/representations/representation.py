"""What a model reads in the place of an example as its medium has it: a reversible map, as plain data.

A spec carries it, so that a run can turn what its model draws into what is heard without importing any data.
Nothing here imports torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np


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
