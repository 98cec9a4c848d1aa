"""One id for each level of an array.  Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genkit.core.array_spec import ArraySpec
from genkit.core.codecs.codec import Codec
from genkit.core.media.medium import Shown
from genkit.system.errors import ConfigError


class PixelCodec(Codec):
    """Arrays as ids, place by place in their medium's order and at a place channel by channel: of an image
    row by row, in a row pixel by pixel.

    An id is a level; one more stands before every array.  As a text, an array is its levels as decimal
    numbers with blanks between them, so a prompt is the beginning of one.

    Args:
        array: what the arrays are; its classes are left out.
    """

    name = "pixels"
    length: int
    array: ArraySpec

    def __init__(self, array: ArraySpec) -> None:
        self.array = replace(array, classes=())
        self.length = array.size

    @property
    def vocab_size(self) -> int:
        return self.array.levels + 1

    @property
    def start(self) -> int:
        return self.array.levels

    @property
    def outputs(self) -> int:
        return self.array.levels

    def to_ids(self, arrays: np.ndarray) -> np.ndarray:
        """Levels (B, C, *sizes) as ids without the start, (B, T)."""
        return np.reshape(arrays.transpose(self.array.order), (len(arrays), -1))

    def to_array(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """Ids as levels, uint8 (C, *sizes): what is missing at the end is level 0, a start is the highest."""
        levels = np.zeros(self.length, dtype=np.uint8)
        given = np.asarray(ids, dtype=np.int64)[: self.length].clip(0, self.array.levels - 1)
        levels[: len(given)] = given
        arrays: np.ndarray = levels.reshape(1, *self.array.ordered).transpose(self.array.back)
        return np.squeeze(arrays, 0)

    def encode(self, text: str) -> np.ndarray:
        words, levels = text.split(), self.array.levels
        wrong = [w for w in words if not (w.isascii() and w.isdecimal() and int(w) < levels)]
        if wrong or len(words) > self.length:
            what = f"{wrong[0]!r} is no level" if wrong else f"{len(words)} levels are too many"
            raise ConfigError(
                f"{what}: {self.medium.one} begins with up to {self.length} levels from 0 to {levels - 1},"
                " with blanks between them."
            )
        return np.array([int(word) for word in words], dtype=np.int64)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return " ".join(map(str, np.asarray(ids, dtype=np.int64).tolist()))

    def shown(self, sequences: Sequence[np.ndarray]) -> Shown:
        return self.array.shown([self.to_array(ids) for ids in sequences])

    def to_dict(self) -> dict[str, object]:
        return {"name": self.name, **self.array.form()}
