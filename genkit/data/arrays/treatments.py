"""What becomes of images on their way into a batch: moved about in training, brought to fewer levels.

What is drawn for an example depends on (seed, epoch, index) alone: not on the batch, the process or the
order, so that a resumed training draws what it would have drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

PURPOSES = {"binarize": 1, "augment": 2}


def example_generator(seed: int, epoch: int, index: int, purpose: str) -> np.random.Generator:
    """Random numbers of one example in one epoch."""
    counter = np.array([0, index, epoch, PURPOSES[purpose]], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=np.array([seed, 0], dtype=np.uint64)))


@dataclass(frozen=True)
class Augmentation:
    """Small changes that leave an image what it is.

    Attributes:
        flip: left and right are exchanged in every second image.
        shift: pixels at most by which an image is moved either way; what comes in is level 0.
        crop: pixels that are added on every side by reflection before a part of the old size is cut out.
    """

    flip: bool = False
    shift: int = 0
    crop: int = 0

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Augmentation:
        return cls(data["flip"], data["shift"], data["crop"])

    def __bool__(self) -> bool:
        return self.flip or self.shift > 0 or self.crop > 0

    def apply(self, images: np.ndarray, places: np.ndarray, epoch: int, seed: int) -> np.ndarray:
        """Images (B, C, H, W) of the examples at these places, changed."""
        drawn = np.empty((len(images), 5))
        for i, place in enumerate(places.tolist()):
            drawn[i] = example_generator(seed, epoch, place, "augment").random(5)
        if self.flip:
            turned = drawn[:, 0] < 0.5
            images = np.where(turned[:, None, None, None], images[..., ::-1], images)
        for reach, columns, mode in ((self.shift, (1, 2), "constant"), (self.crop, (3, 4), "reflect")):
            if reach:
                offsets = (drawn[:, columns] * (2 * reach + 1)).astype(np.int64)  # 0 … 2·reach
                images = _cut(images, offsets, reach, mode)
        return images


def _cut(images: np.ndarray, offsets: np.ndarray, reach: int, mode: Any) -> np.ndarray:
    """A window of the old size out of every image (B, C, H, W) after padding."""
    count, _, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (reach, reach), (reach, reach)), mode=mode)
    rows = (offsets[:, :1] + np.arange(height))[:, :, None]  # (B, H, 1)
    columns = (offsets[:, 1:] + np.arange(width))[:, None, :]  # (B, 1, W)
    cut = padded.transpose(0, 2, 3, 1)[np.arange(count)[:, None, None], rows, columns]  # (B, H, W, C)
    return np.ascontiguousarray(cut.transpose(0, 3, 1, 2))


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
        self, images: np.ndarray, places: np.ndarray, epoch: int, seed: int, trains: bool
    ) -> np.ndarray:
        """Levels (B, C, H, W) of the examples at these places of the whole array."""
        if self.have == self.levels:
            return images
        if not self.draws:  # equal shares of the range
            shares: np.ndarray = (np.arange(256) * self.levels // self.have).astype(np.uint8)
            found: np.ndarray = shares[images]
            return found
        key = (seed, epoch) if self.binarize == "dynamic" and trains else (0, 0)
        drawn = np.empty(images.shape, np.uint8)
        for i, place in enumerate(places.tolist()):
            uniform = example_generator(*key, place, "binarize").random(images.shape[1:], np.float32)
            drawn[i] = uniform * (self.have - 1) < images[i]
        return drawn
