"""Where the one bright thing of a clip is in each frame, and how it looks there.

It is looked for by its ink, then moved until it lies as the mean of its own pictures does.

Legend: n clips, T frames, H = W, S side of what moves, L side of what is cut out around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genkit.metrics.bouncing_paths import Tracks

ROUNDS = 3  # in each of which it may be moved by a pixel
INK = 0.25  # of the brightest of its mean picture: what belongs to it
AT_ONCE = 2**24  # pixels in memory


@dataclass(frozen=True)
class Tracked:
    """What was found in some clips.

    Attributes:
        tracks: where it is.
        crops: what was cut out around it, floats in [0, 1] (n, T, L, L).
        extents: between which rows, and columns, of the crops it has ink, (n, 2, 2): axis, first and behind
            the last.
        ink: of each frame, in pixels of full brightness, (n, T).
    """

    tracks: Tracks
    crops: np.ndarray
    extents: np.ndarray
    ink: np.ndarray

    @property
    def near(self) -> np.ndarray:
        """The ink around it, (n, T)."""
        return np.asarray(self.crops.sum((2, 3), dtype=np.float64))

    @property
    def mean(self) -> np.ndarray:
        """The mean picture of each clip, (n, L, L)."""
        return np.asarray(self.crops.mean(1))

    def departures(self) -> np.ndarray:
        """How far each picture is from the clip's mean, by the length of that, (n, T)."""
        mean = self.mean
        apart = np.sqrt(np.square(self.crops - mean[:, None]).sum((2, 3)))
        return np.asarray(apart / np.maximum(np.sqrt(np.square(mean).sum((1, 2))), 1e-6)[:, None])


def tracked(clips: np.ndarray, side: int) -> Iterator[Tracked]:
    """What moves in clips, uint8 (n, 1, T, H, W), some clips at a time.

    Args:
        side: S, pixels.
    """
    _, _, frames, height, width = clips.shape
    rows = max(1, AT_ONCE // (frames * (height + 2 * side) * (width + 2 * side)))
    for start in range(0, len(clips), rows):
        yield _tracked(clips[start : start + rows, 0], side)


def _tracked(clips: np.ndarray, side: int) -> Tracked:
    margin = side // 4
    around = side + margin  # zeros on each side, so that all that is cut out lies within
    padded = np.pad(clips, ((0, 0), (0, 0), (around, around), (around, around)))
    places = _brightest(clips, side)
    crops = _cut(padded, places - margin + around, side + 2 * margin)
    for _ in range(ROUNDS):
        mean, best, moved = crops.mean(1), np.full(places.shape[:2], np.inf), places
        for shift in sorted(np.ndindex(3, 3), key=lambda at: abs(at[0] - 1) + abs(at[1] - 1)):
            there = (places + np.array(shift) - 1).clip(-side, clips.shape[2])
            apart = np.square(_cut(padded, there - margin + around, crops.shape[2]) - mean[:, None])
            found = apart.sum((2, 3))
            nearer = found < best - 1e-6
            best, moved = np.where(nearer, found, best), np.where(nearer[..., None], there, moved)
        if np.array_equal(moved, places):
            break
        places = moved
        crops = _cut(padded, places - margin + around, crops.shape[2])
    extents = _extents(crops.mean(1))
    # The square of side S holds all ink: it begins at the first at the latest, and S before the last.
    first, behind = extents[..., 0] - margin, extents[..., 1] - margin
    least, most = -first, side - behind
    middle = (least + most) / 2  # (of what is larger than the square)
    tracks = Tracks(places, np.minimum(least, middle), np.maximum(most, middle))
    return Tracked(tracks, crops, extents, clips.sum((2, 3), dtype=np.float64) / 255)


def _brightest(clips: np.ndarray, side: int) -> np.ndarray:
    """Whole pixels of the corner of a square around the centre of the ink of the brightest one, (n, T, 2)."""
    n, frames, height, width = clips.shape
    sums = np.zeros((n, frames, height + 1, width + 1), np.int64)
    sums[:, :, 1:, 1:] = clips.cumsum(2, np.int64).cumsum(3)
    inside = sums[:, :, side:, side:] - sums[:, :, :-side, side:]
    inside = inside - sums[:, :, side:, :-side] + sums[:, :, :-side, :-side]
    where = inside.reshape(n, frames, -1).argmax(2)
    corner = np.stack(np.divmod(where, inside.shape[3]), 2)
    crop = _cut(clips, corner, side)
    ink, along = np.maximum(crop.sum((2, 3)), 1e-6), np.arange(side) - (side - 1) / 2
    centre = np.stack([(crop.sum(3) @ along) / ink, (crop.sum(2) @ along) / ink], 2)
    return np.asarray(corner + np.rint(centre).astype(np.int64))


def _cut(clips: np.ndarray, corner: np.ndarray, side: int) -> np.ndarray:
    """Squares with these corners, (n, T, 2), as floats in [0, 1], (n, T, side, side)."""
    along = np.arange(side)
    down, across = (corner[..., 0, None] + along)[..., None], (corner[..., 1, None] + along)[..., None, :]
    clip, frame = np.ogrid[: len(clips), : clips.shape[1]]
    return np.asarray(clips[clip[..., None, None], frame[..., None, None], down, across] / np.float32(255))


def _extents(mean: np.ndarray) -> np.ndarray:
    """Between which rows, and columns, mean pictures (n, L, L) have ink, (n, 2, 2)."""
    ink = mean > np.maximum(INK * mean.max((1, 2), keepdims=True), 1e-6)
    found = []
    for axis in (2, 1):
        some = ink.any(axis)  # (n, L)
        found.append(np.stack([some.argmax(1), some.shape[1] - some[:, ::-1].argmax(1)], 1))
    return np.stack(found, 1)
