"""Arrays as sequences of tokens, a start before each.  Nothing here imports torch."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from genkit.core.codecs import ArrayCodec, Codec, LearnedCodec
from genkit.data.dataset import ArrayExamples, Examples, Gathered


class ArrayWindows(Examples):
    """Arrays as sequences of tokens, the start before each: inputs, and the next token of each.

    Args:
        images: the arrays.
        codec: what the tokens are of; all examples have as many.

    Attributes:
        captions: ids that stand before the start of each, integers (N, L); None where there are none.
    """

    captions: np.ndarray | None = None

    def __init__(self, images: ArrayExamples, codec: Codec) -> None:
        self.images, self.codec = images, codec

    def __len__(self) -> int:
        return len(self.images)

    @abstractmethod
    def ids(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
        """Ids of some examples without the start, integers (B, T)."""

    def gather(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Gathered:
        ids = self.ids(indices, epoch=epoch, seed=seed)
        return self._windows(ids, indices), *self.labels_and_weights(indices)

    def classes(self) -> np.ndarray | None:
        return self.images.classes()

    def called(self, indices: np.ndarray) -> list[str]:
        return self.images.called(indices)

    def _windows(self, ids: np.ndarray, indices: np.ndarray | None = None) -> np.ndarray:
        """Ids of some examples, or of all, with what stands before them."""
        kind = np.int16 if self.codec.vocab_size <= np.iinfo(np.int16).max else np.int32
        windows = np.full((len(ids), ids.shape[1] + 1), self.codec.start, kind)
        windows[:, 1:] = ids
        if self.captions is None:
            return windows
        captions = self.captions if indices is None else self.captions[indices]
        return np.concatenate((captions, windows), axis=1)

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


class CodeWindows(ArrayWindows):
    """Arrays as sequences of the codes that a trained model has made of them.

    Args:
        codes: ids of all examples, (N, T), in memory or mapped.
        remainder: log p(x | codes) of each, nats (N,); None where there is none.
        later: ids as training changes the examples, (epochs - 1, N, T): those of the second epoch first, and
            in turn from then on; None: they are the same in every epoch.
    """

    codec: LearnedCodec

    def __init__(
        self,
        images: ArrayExamples,
        codec: LearnedCodec,
        codes: np.ndarray,
        remainder: np.ndarray | None = None,
        later: np.ndarray | None = None,
    ) -> None:
        super().__init__(images, codec)
        self.codes, self.remainder, self.later = codes, remainder, later

    def ids(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
        turn = 0 if self.later is None else epoch % (len(self.later) + 1)
        codes = self.codes if self.later is None or not turn else self.later[turn - 1]
        return np.asarray(codes[indices])

    def table(self) -> np.ndarray | None:
        return self._windows(np.asarray(self.codes)) if self.later is None else None
