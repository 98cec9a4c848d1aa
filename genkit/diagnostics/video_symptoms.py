"""What tells drawn videos that went wrong, beside real ones: freezing, looping, flicker.

Each number is the share of drawn videos with the symptom beyond the share that real ones have, of the rest: 0
where they are as the data, 1 where all have it and no real one does.  The first two are the failures that
Yushchenko et al. 2019 name.

Legend: n videos, C channels, T frames, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

STILL = 0.1  # of the change from frame to frame that real videos usually have
END = 0.25  # of a video: its last changes, two at least
SAME = 0.2  # of its own change from frame to frame: so near is a frame to that one period later
WILD = 1.5  # times the change of the real videos that change most
UNSTEADY = 0.1  # of the usual brightness, by which that of a frame departs from the one before
MOST = 0.95  # of real videos change by less than those that "change most"
USUAL = 0.5  # share of real videos with a symptom from which on it tells nothing
FEWEST = 4  # frames, below which nothing repeats


@dataclass(frozen=True)
class Changes:
    """How videos change, float64 (n, T, D) being their numbers from 0 to 1."""

    frames: np.ndarray

    @classmethod
    def of(cls, videos: np.ndarray) -> Changes:
        """Of uint8 (n, C, T, H, W)."""
        return cls(videos.swapaxes(1, 2).reshape(len(videos), videos.shape[2], -1) / 255.0)

    def after(self, period: int) -> np.ndarray:
        """How far each frame is from that one period later, the root of the mean square, (n, T - period)."""
        apart: np.ndarray = np.sqrt(np.square(self.frames[:, period:] - self.frames[:, :-period]).mean(2))
        return apart

    @cached_property
    def mean(self) -> np.ndarray:
        """From frame to frame, (n,)."""
        return np.asarray(self.after(1).mean(1))

    @cached_property
    def last(self) -> np.ndarray:
        """At the end, the largest change, (n,)."""
        each = self.after(1)
        return np.asarray(each[:, -max(2, round(END * each.shape[1])) :].max(1))

    @cached_property
    def unsteady(self) -> np.ndarray:
        """Of the mean brightness from frame to frame, (n,)."""
        return np.asarray(np.abs(np.diff(self.frames.mean(2), axis=1)).mean(1))

    def looping(self, still: float) -> np.ndarray:
        """Which repeat themselves with a period of two frames or more, up to half of them, bool (n,).

        Args:
            still: a change from frame to frame below which nothing is said to move.
        """
        periods = range(2, self.frames.shape[1] // 2 + 1)
        nearest = np.min([self.after(period).mean(1) for period in periods], axis=0)
        return np.asarray((nearest <= SAME * self.mean) & (self.mean > still))


def of_videos(drawn: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """`freezing`, `looping_videos` and `flicker`, of videos as they are shown, uint8 (n, C, T, H, W) each.

    A symptom that most real videos have, too, is left out; all are where videos have fewer than four frames.
    """
    if real.shape[2] < FEWEST:
        return {}
    ours, theirs = Changes.of(drawn), Changes.of(real)
    still = STILL * float(np.median(theirs.mean))
    wild = WILD * float(np.quantile(theirs.mean, MOST))
    unsteady = UNSTEADY * float(theirs.frames.mean()) + WILD * float(np.quantile(theirs.unsteady, MOST))
    told = {
        "freezing": (ours.last <= still, theirs.last <= still),
        "looping_videos": (ours.looping(still), theirs.looping(still)),
        "flicker": tuple((each.mean > wild) | (each.unsteady > unsteady) for each in (ours, theirs)),
    }
    measured = {}
    for name, (which, known) in told.items():
        if (usual := float(known.mean())) < USUAL:
            measured[name] = max(0.0, (float(which.mean()) - usual) / (1 - usual))
    return measured
