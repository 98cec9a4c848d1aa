"""What becomes of arrays on their way into a batch: moved about in training, brought to fewer levels.

What is drawn for an example depends on (seed, epoch, index) alone: not on the batch, the process or the
order, so that a resumed training draws what it would have drawn.

Legend: B examples, C channels, S… sizes of the axes: time; height and width; or all three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from genkit.data.dataset_knobs import ImageKnobs

PURPOSES = {"binarize": 1, "augment": 2}


def example_generator(seed: int, epoch: int, index: int, purpose: str) -> np.random.Generator:
    """Random numbers of one example in one epoch."""
    counter = np.array([0, index, epoch, PURPOSES[purpose]], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=np.array([seed, 0], dtype=np.uint64)))


@dataclass(frozen=True)
class Augmentation:
    """Small changes that leave an example what it is.

    Attributes:
        flip: the last axis is turned round in every second example, left and right of an image.
        shift: places at most by which an example is moved along each axis, or those of `along`; what comes
            in is `fill`.
        crop: places that are added on every side by reflection before a part of the old size is cut out.
        fill: the level that comes in: of sound, silence.
        along: the axes that are shifted; None: all.
    """

    flip: bool = False
    shift: int = 0
    crop: int = 0
    fill: int = 0
    along: tuple[int, ...] | None = None

    @classmethod
    def of(cls, data: ImageKnobs) -> Augmentation:
        return cls(data.flip, data.shift, data.crop)

    def __bool__(self) -> bool:
        return self.flip or self.shift > 0 or self.crop > 0

    def apply(self, arrays: np.ndarray, places: np.ndarray, epoch: int, seed: int) -> np.ndarray:
        """Levels (B, C, S…) of the examples at these places, changed."""
        axes = arrays.ndim - 2
        drawn = np.empty((len(arrays), 1 + 2 * axes))
        for i, place in enumerate(places.tolist()):
            drawn[i] = example_generator(seed, epoch, place, "augment").random(1 + 2 * axes)
        turns, shifts, crops = drawn[:, 0], drawn[:, 1 : 1 + axes], drawn[:, 1 + axes :]
        if self.flip:
            turned = (turns < 0.5).reshape(-1, *[1] * (axes + 1))
            arrays = np.where(turned, arrays[..., ::-1], arrays)
        if self.shift:
            offsets = _offsets(shifts, self.shift)
            if self.along is not None:
                still = [axis for axis in range(axes) if axis not in self.along]
                offsets[:, still] = self.shift
            arrays = _cut(arrays, offsets, self.shift, "constant", self.fill)
        if self.crop:
            arrays = _cut(arrays, _offsets(crops, self.crop), self.crop, "reflect")
        return arrays


def _offsets(uniform: np.ndarray, reach: int) -> np.ndarray:
    """Uniform numbers in [0, 1) to whole ones in 0 … 2·reach."""
    return (uniform * (2 * reach + 1)).astype(np.int64)


def _cut(
    arrays: np.ndarray, offsets: np.ndarray, reach: int, mode: Literal["constant", "reflect"], fill: int = 0
) -> np.ndarray:
    """A window of the old size out of every array (B, C, S…) after padding; offsets (B, axes)."""
    count, _, *sizes = arrays.shape
    widths = ((0, 0), (0, 0), *[(reach, reach)] * len(sizes))
    if mode == "constant":
        padded = np.pad(arrays, widths, mode, constant_values=fill)
    else:
        padded = np.pad(arrays, widths, mode)
    places = [np.arange(count).reshape(-1, *[1] * len(sizes))]
    for axis, size in enumerate(sizes):
        along = offsets[:, axis, None] + np.arange(size)  # (B, S)
        places.append(along.reshape(count, *[size if i == axis else 1 for i in range(len(sizes))]))
    cut = np.moveaxis(padded, 1, -1)[tuple(places)]  # (B, S…, C)
    return np.ascontiguousarray(np.moveaxis(cut, -1, 1))


@dataclass(frozen=True)
class Levels:
    """From the levels of a source to those of a view.

    Attributes:
        have, levels: how many values before and after.
        binarize: for two levels: "threshold" at the middle, or drawn with the grey value as probability,
            "static" (once for ever) or "dynamic" (anew in each epoch of training; elsewhere once).
    """

    have: int
    levels: int
    binarize: str = "threshold"

    @property
    def draws(self) -> bool:
        """Whether the values are drawn."""
        return self.levels < self.have and self.binarize != "threshold"

    def apply(
        self, arrays: np.ndarray, places: np.ndarray, epoch: int, seed: int, trains: bool
    ) -> np.ndarray:
        """Levels (B, C, S…) of the examples at these places of the whole array."""
        if self.have == self.levels:
            return arrays
        if not self.draws:  # equal shares of the range
            shares: np.ndarray = (np.arange(256) * self.levels // self.have).astype(np.uint8)
            found: np.ndarray = shares[arrays]
            return found
        key = (seed, epoch) if self.binarize == "dynamic" and trains else (0, 0)
        drawn = np.empty(arrays.shape, np.uint8)
        for i, place in enumerate(places.tolist()):
            uniform = example_generator(*key, place, "binarize").random(arrays.shape[1:], np.float32)
            drawn[i] = uniform * (self.have - 1) < arrays[i]
        return drawn
