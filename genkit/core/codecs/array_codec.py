"""Ids of arrays: some levels of neighbours in each.  Nothing here imports torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genkit.core.array_spec import ArraySpec
from genkit.core.codecs.codec import Codec
from genkit.core.media.medium import Shown
from genkit.system.errors import ConfigError

MOST_IDS = 4_096  # values of a token: so many rows have the embedding and the head


class ArrayCodec(Codec):
    """Arrays as ids, patch by patch in the order of their places and, in a patch, channel by channel.

    The levels of one channel in one patch, or of all of them, are the digits of one id, the first place the
    highest; one more id stands before every array.  As a text, an array is its levels as decimal numbers in
    that order with blanks between them, so a prompt is the beginning of one.

    Args:
        array: what the arrays are; its classes are left out.
        patch: neighbours along each axis that are one id; each divides its size.
        together: channels of them that are one id, one or all.

    Attributes:
        joined: levels in an id.
        apart: ids that a patch has, one for each channel that is by itself.
        grouped: the shape of an array whose axes are taken apart: (C, patches, places, patches, places, …).
        order: those axes behind that of the batch in the order of ids: patches, channels, places.
        ordered, back: the shape of an array in that order, and the way back.
    """

    length: int
    array: ArraySpec

    def __init__(self, array: ArraySpec, patch: tuple[int, ...], together: int = 1) -> None:
        self.array, self.patch, self.together = replace(array, classes=()), patch, together
        self.joined, self.apart = math.prod(patch) * together, array.channels // together
        self.length = array.size // self.joined
        pairs = zip(array.sizes, patch, strict=True)
        self.grouped = array.channels, *(n for size, side in pairs for n in (size // side, side))
        self.order = 0, *(2 * a + 2 for a in array.axes), 1, *(2 * a + 3 for a in array.axes)
        self.ordered = tuple(self.grouped[axis - 1] for axis in self.order[1:])
        self.back = tuple(self.order.index(axis) for axis in range(len(self.order)))

    @property
    def grid(self) -> tuple[int, ...]:
        """Ids along each axis, the last running fastest; the channels, where they are apart, are the last."""
        patches = self.grouped[1::2]
        return (*patches, self.apart) if self.apart > 1 else patches

    @property
    def vocab_size(self) -> int:
        return self.outputs + 1

    @property
    def start(self) -> int:
        return self.outputs

    @property
    def outputs(self) -> int:
        levels: int = self.array.levels**self.joined
        return levels

    def to_ids(self, arrays: np.ndarray) -> np.ndarray:
        """Levels (B, C, *sizes) as ids without the start, (B, T)."""
        turned = arrays.reshape(len(arrays), *self.grouped).transpose(self.order)
        if self.joined == 1:
            return np.reshape(turned, (len(arrays), -1))
        digits = turned.reshape(len(arrays), -1, self.joined)
        ids = digits[..., 0].astype(np.int16)
        for place in range(1, self.joined):
            ids = ids * np.int16(self.array.levels) + digits[..., place]
        return ids

    def to_levels(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """The levels in ids, int64 (T · joined,); of a start they lie beyond the highest."""
        numbers = np.asarray(ids, dtype=np.int64)
        powers = self.array.levels ** np.arange(self.joined)[::-1]
        digits: np.ndarray = numbers[:, None] // powers
        digits[:, 1:] %= self.array.levels
        return digits.reshape(-1)

    def to_array(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """Ids as levels, uint8 (C, *sizes): what is missing at the end is black, or silence; a start is the
        highest."""
        levels = np.full(self.array.size, self.array.nothing, dtype=np.uint8)
        given = self.to_levels(np.asarray(ids)[: self.length]).clip(0, self.array.levels - 1)
        levels[: len(given)] = given
        arrays: np.ndarray = levels.reshape(1, *self.ordered).transpose(self.back)
        return arrays.reshape(self.array.shape)

    def stretch(self, ids: Sequence[int]) -> np.ndarray:
        """Whole patches, of all channels, of an array over one axis as its medium shows them, (C, T)."""
        turned = self.to_levels(ids).reshape(-1, self.array.channels, math.prod(self.patch))
        levels = turned.transpose(1, 0, 2).reshape(1, self.array.channels, -1)
        found: np.ndarray = self.array.as_shown(levels / (self.array.levels - 1))[0]
        return found

    def encode(self, text: str) -> np.ndarray:
        words, levels = text.split(), self.array.levels
        wrong = [w for w in words if not (w.isascii() and w.isdecimal() and int(w) < levels)]
        if wrong or len(words) > self.array.size:
            what = f"{wrong[0]!r} is no level" if wrong else f"{len(words)} levels are too many"
            raise ConfigError(
                f"{what}: {self.medium.one} begins with up to {self.array.size} levels from 0 to"
                f" {levels - 1}, with blanks between them."
            )
        if len(words) % self.joined:
            raise ConfigError(
                f"{len(words)} levels end within a patch of {self.joined}; give a multiple of {self.joined}."
            )
        digits = np.array([int(word) for word in words], dtype=np.int64).reshape(-1, self.joined)
        return digits @ levels ** np.arange(self.joined)[::-1]

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return " ".join(map(str, self.to_levels(ids).tolist()))

    def shown(self, sequences: Sequence[np.ndarray]) -> Shown:
        return self.array.shown([self.to_array(ids) for ids in sequences])
