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
        return self.made(np.arange(len(self))[rows], 0)

    @abstractmethod
    def made(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """Levels (n, C, *sizes) of these rows, int64 (n,)."""


Arrays = np.ndarray | MadeArrays
