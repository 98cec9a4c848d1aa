"""A film: pictures in the order of time, each of which is seen for a while.

It is decoded in order and kept nowhere, so that its length needs no memory.  What is seen several frames
long may stand in a file once: how many frames a picture is follows from how long it is seen.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

MOST_PIXELS = 2**25  # of a frame: four times those of 4K
MOST_FRAMES = 2**22  # of a film: a day and a half at 30 a second
STEADY = 0.1  # of the usual duration: what varies by less is the clock's doing
SAME_RATE = 0.05  # of a rate: what differs by less is a file's rounding of durations
UNITS_TRIED = 64  # durations by which the unit of all is looked for
EXACT = 1e-6  # seconds


@dataclass(frozen=True)
class Shot:
    """A picture of a film, valid until the next one is asked for.

    Attributes:
        seconds: how long it is seen; None: its file says nothing of time.
    """

    image: Image.Image
    seconds: float | None


class Film(ABC):
    """A film in a file or a folder.

    Attributes:
        grain: seconds to which its file rounds durations.
    """

    grain: float = 0.0

    @abstractmethod
    def shots(self) -> Iterator[Shot]:
        """All of it, from the beginning.

        Raises:
            OSError, ValueError: it cannot be read; the reason.
        """


@dataclass(frozen=True)
class Pace:
    """How the frames of a film follow one another.

    Attributes:
        unit: seconds that a frame is seen; 0: nobody says, and each picture is a frame.
        even: whether each picture is seen for whole frames.
    """

    unit: float
    even: bool = True

    @property
    def rate(self) -> float | None:
        """Frames a second, where it is known."""
        return 1 / self.unit if self.unit else None

    def frames(self, seconds: float) -> int:
        """That a picture of an even film stands for."""
        return max(1, round(seconds / self.unit)) if self.unit else 1

    @classmethod
    def of(cls, seconds: Sequence[float | None], grain: float) -> Pace:
        """By how long each picture is seen.

        Raises:
            ValueError: some of them say how long, and others do not.
        """
        known = Counter(duration for duration in seconds if duration)
        if not known:
            return cls(0.0)
        if known.total() < len(seconds):
            silent = [place for place, duration in enumerate(seconds, 1) if not duration]
            raise ValueError(f"its picture {silent[0]} does not say how long it is seen, and others do")
        durations = np.array(sorted(known))
        counts = np.array([known[duration] for duration in durations.tolist()])
        usual = float(durations[np.searchsorted(counts.cumsum(), counts.sum() / 2)])
        unit = _unit(durations, counts, grain)
        if unit is None and (np.abs(durations - usual) <= STEADY * usual).all():
            unit = float(np.average(durations, weights=counts))
        return cls(usual, even=False) if unit is None else cls(unit)


def _unit(durations: np.ndarray, counts: np.ndarray, grain: float) -> float | None:
    """Of which all durations are whole multiples, as far as the rounding of their file lets them be.

    Writers cut off what lies beyond the grain, or round, or round where a picture begins and ends.

    Args:
        durations: seconds, increasing.
        counts: how many pictures have each.
        grain: seconds to which they are rounded.
    """
    least = float(durations[0])
    tried = [np.array([least, np.average(durations, weights=counts)])]
    for duration in durations[:UNITS_TRIED].tolist():
        few, many = duration / (least + grain), duration / max(least - grain / 2, least / 2)
        tried.append(duration / np.arange(max(1, math.ceil(few)), int(many) + 1))
    units = np.concatenate(tried)[:, None]
    over = np.maximum(1, np.rint(durations / units)) * units - durations  # (units, durations)
    below = max(0.0, grain - 2 * EXACT)
    for low, high in ((0.0, 0.0), (0.0, below), (-grain / 2, grain / 2), (-grain, grain)):
        fits = ((over >= low - EXACT) & (over <= high + EXACT)).all(1)
        if fits.any():
            off = np.where(fits, (counts * over**2).sum(1), np.inf)
            return float(units[off.argmin(), 0])
    return None


def count_frames(film_frames: int, seconds: float, pace: Pace, rate: float | None) -> int:
    """Of a film at a rate, as many as `frames_of` gives.

    Args:
        film_frames: those of its pictures, by `Pace.frames`.
        seconds: that it takes.
    """
    if not _is_timed(pace, rate):
        return film_frames
    return max(0, math.ceil(seconds * (rate or 1 / pace.unit) - 0.5 - EXACT))


def frames_of(film: Film, pace: Pace, rate: float | None) -> Iterator[tuple[Image.Image, int]]:
    """The pictures of a film, and how many of its frames each is, 0 for one that is passed over.

    Args:
        pace: of the film, see `Pace.of`.
        rate: frames a second at which it is looked at, at even times; None: at its own.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    timed = _is_timed(pace, rate)
    a_second = rate or 1 / pace.unit if timed else 0.0
    end, seen = 0.0, 0
    for shot in film.shots():
        if timed:
            end += shot.seconds or 0.0
            count = max(0, math.ceil(end * a_second - 0.5 - EXACT) - seen)  # looked at amid each frame's time
        else:
            count = pace.frames(shot.seconds or 0.0)
        seen += count
        if seen > MOST_FRAMES:
            raise ValueError(f"it has more than {MOST_FRAMES:,} frames")
        yield shot.image, count


def _is_timed(pace: Pace, rate: float | None) -> bool:
    """Whether frames are taken at times, and not as they are."""
    if not pace.unit:
        return False
    return not pace.even or (rate is not None and abs(rate * pace.unit - 1) > SAME_RATE)
