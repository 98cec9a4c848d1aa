"""Arrays as sequences of tokens, a start before each.  Nothing here imports torch."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from genkit.core.codecs import ArrayCodec, Codec
from genkit.data.dataset import ArrayExamples, Examples, Gathered


class ArrayWindows(Examples):
    """Arrays as sequences of tokens, the start before each: inputs, and the next token of each.

    Args:
        images: the arrays.
        codec: what the tokens are of; all examples have as many.
    """

    def __init__(self, images: ArrayExamples, codec: Codec) -> None:
        self.images, self.codec = images, codec

    def __len__(self) -> int:
        return len(self.images)

    @abstractmethod
    def ids(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
        """Ids of some examples without the start, integers (B, T)."""

    def gather(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Gathered:
        ids = self.ids(indices, epoch=epoch, seed=seed)
        return self._windows(ids), *self.labels_and_weights(indices)

    def classes(self) -> np.ndarray | None:
        return self.images.classes()

    def _windows(self, ids: np.ndarray) -> np.ndarray:
        windows = np.full((len(ids), ids.shape[1] + 1), self.codec.start, np.int16)
        windows[:, 1:] = ids
        return windows

    def places(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
        return indices

    def labels_and_weights(
        self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        labels, _ = self.images.labels_and_weights(indices)
        return labels, np.full(len(indices), self.codec.length, np.float32)


class PixelWindows(ArrayWindows):
    """Arrays as sequences of their levels."""

    codec: ArrayCodec

    def ids(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
        return self.codec.to_ids(self.images.gather(indices, epoch=epoch, seed=seed)[0])

    def table(self) -> np.ndarray | None:
        images = self.images.table()
        return None if images is None else self._windows(self.codec.to_ids(images))
