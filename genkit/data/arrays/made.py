"""Arrays that are computed when they are read: as many as one likes, kept nowhere."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class MadeArrays(ABC):
    """Levels of N examples, each a function of its row and of the epoch; read like an array of them.

    In training every epoch has others; whatever is looked at, measured or compared is of epoch 0.

    Attributes:
        shape: (N, C, *sizes).
        dtype: of a level.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.unsignedinteger]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        """Those rows, of epoch 0."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        return self.made(rows, 0)

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        """The arrays that some of it is read from."""
        return ()

    @abstractmethod
    def made(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """Levels (n, C, *sizes) of these rows, int64 (n,)."""


Arrays = np.ndarray | MadeArrays


class PartlyKept(MadeArrays):
    """Computed arrays of which the last ones are kept.

    Args:
        computed: all of them.
        end: the last ones, in memory or mapped; they are the same in every epoch.
    """

    def __init__(self, computed: MadeArrays, end: np.ndarray) -> None:
        self.computed, self.end = computed, end
        self.shape, self.dtype = computed.shape, computed.dtype
        self._start = len(computed) - len(end)

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        return (self.end,)

    def made(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        kept = rows >= self._start
        if not kept.any():
            return self.computed.made(rows, epoch)
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        found[kept] = self.end[rows[kept] - self._start]
        found[~kept] = self.computed.made(rows[~kept], epoch)
        return found
