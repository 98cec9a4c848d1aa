"""Digits that move and bounce, by the rule of Moving MNIST (Srivastava et al. 2015).

Each object begins anywhere, moves at a constant speed in a direction that is drawn, and is turned round at
the walls, where it arrives exactly; its place is rounded down to whole pixels, and where objects overlap the
brighter pixel is seen.  A place in the free space, the pixels that the object leaves, is a number from 0 to 1
along each axis, and so is the speed.

Legend: B clips, K objects, T frames, H height = W width, S side of an object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from genkit.data.arrays.made import MadeArrays
from genkit.data.packing import digest, key_of
from genkit.data.splits import Stretches

VERSION = 1  # of how a clip is computed
FIRST = {"train": 0, "validation": 2**40, "test": 2**41}  # of the numbers that a part's clips are drawn by
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Motion:
    """What a clip shows.

    Attributes:
        size: H and W, pixels.
        side: S, pixels; less than the size.
        frames: T.
        objects: K.
        speed: a step from frame to frame as a share of the free space.
    """

    size: int
    side: int
    frames: int
    objects: int = 1
    speed: float = 0.1

    @property
    def free(self) -> int:
        """Pixels by which an object can be moved along an axis."""
        return self.size - self.side

    def places(self, start: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Whole pixels of the upper left corner, int64 (…, T, 2): from the top, and from the left.

        Args:
            start: in the free space, (…, 2).
            direction: radians, (…).
        """
        place = np.array(start, float)
        step = self.speed * np.stack([np.sin(direction), np.cos(direction)], -1)
        found = np.empty((*place.shape[:-1], self.frames, 2), np.int64)
        for t in range(self.frames):
            found[..., t, :] = place * self.free
            place += step
            step = np.where((place <= 0) | (place >= 1), -step, step)
            place = place.clip(0, 1)
        return found

    def drawn(self, objects: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Clips uint8 (B, 1, T, H, W) of objects uint8 (B, K, S, S) at places (B, K, T, 2)."""
        count = len(objects)
        clips = np.zeros((count, self.frames, self.size, self.size), np.uint8)
        window = (self.side, self.side)
        corners = sliding_window_view(
            clips, window, axis=(2, 3), writeable=True
        )  # (B, T, H-S+1, W-S+1, S, S)
        clip, frame = np.ogrid[:count, : self.frames]
        for k in range(self.objects):
            where = clip, frame, places[:, k, :, 0], places[:, k, :, 1]
            shown = objects[:, k, None]
            corners[where] = shown if k == 0 else np.maximum(corners[where], shown)
        return clips[:, None]


@dataclass(frozen=True)
class Cast:
    """The pictures that may be shown in one part of the data.

    Attributes:
        pictures: uint8 (N, S, S).
        labels: int64 (N,), 0 and upwards.
        clips: in an epoch.
    """

    pictures: np.ndarray
    labels: np.ndarray
    clips: int


class BouncingDigits(MadeArrays):
    """Clips of every part one after another, uint8 (N, 1, T, H, W).

    Clip i of a part shows, where it shows a single object, a digit of class i mod 10; all else of it is drawn
    by the part, i and the epoch, so that no part changes with the number of clips in another.

    Args:
        motion: of all.
        casts: the pictures of each part, in the order of the rows.
    """

    def __init__(self, motion: Motion, casts: Mapping[str, Cast]) -> None:
        self.motion, self.casts = motion, casts
        self.part = Stretches({part: cast.clips for part, cast in casts.items()})
        self.shape = (len(self.part), 1, motion.frames, motion.size, motion.size)
        self.dtype = np.dtype(np.uint8)
        self._of_class = {part: _by_class(cast.labels) for part, cast in casts.items()}

    @property
    def labels(self) -> np.ndarray:
        """Of clips of a single object, int64 (N,)."""
        own = [np.arange(cast.clips) % len(self._of_class[part]) for part, cast in self.casts.items()]
        return np.concatenate(own)

    def contents(self) -> str:
        """A digest of what decides the clips."""
        casts = {
            part: [digest([cast.pictures, cast.labels]), cast.clips] for part, cast in self.casts.items()
        }
        return key_of({"motion": asdict(self.motion), "casts": casts, "version": VERSION})

    def made(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        motion = self.motion
        drawn = np.empty((len(rows), motion.objects, 4))
        objects = np.empty((len(rows), motion.objects, motion.side, motion.side), np.uint8)
        for part, cast in self.casts.items():
            its = self.part.rows[part]
            own = np.flatnonzero((its.start <= rows) & (rows < its.stop))
            places = rows[own] - its.start
            numbers = uniform(FIRST[part] + places, epoch, 4 * motion.objects)
            drawn[own] = numbers.reshape(-1, motion.objects, 4)
            if motion.objects > 1:
                which = (drawn[own, :, 0] * len(cast.pictures)).astype(np.int64)
            else:
                of_class = self._of_class[part]
                which = _chosen(of_class, places % len(of_class), drawn[own, 0, 0])[:, None]
            objects[own] = cast.pictures[which]
        return motion.drawn(objects, motion.places(drawn[..., 1:3], drawn[..., 3] * (2 * np.pi)))


def _by_class(labels: np.ndarray) -> list[np.ndarray]:
    """The rows of each class."""
    return [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]


def _chosen(of_class: list[np.ndarray], labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """One row of each of these classes."""
    counts = np.array([len(rows) for rows in of_class])[labels]
    starts = np.cumsum([0, *(len(rows) for rows in of_class)])[labels]
    return np.asarray(np.concatenate(of_class)[starts + (shares * counts).astype(np.int64)])


def uniform(rows: np.ndarray, epoch: int, count: int) -> np.ndarray:
    """Numbers in [0, 1) of some rows, (n, count), the same with every version of numpy: SplitMix64 (Steele et
    al. 2014) of row, epoch and place."""
    with np.errstate(over="ignore"):
        state = _mixed(rows.astype(np.uint64) * GOLDEN + np.uint64(VERSION))
        state = _mixed(state + np.uint64(epoch) * GOLDEN)
        places = np.arange(1, count + 1, dtype=np.uint64) * GOLDEN
        return np.asarray((_mixed(state[:, None] + places) >> np.uint64(11)) * 2.0**-53)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Its finaliser, of uint64."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(numbers ^ (numbers >> np.uint64(31)))
