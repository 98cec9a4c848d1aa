"""Shares of clips that are as the process makes them by which their data were made: bouncing digits.

The bounds are wide for what such data are, and narrow for what they are not: of real clips all keep them, in
shades or in black and white; hardly any does whose digit changes, fades, jumps or has another speed.  Whether
the thing that moves looks like a digit at all is not asked here: features tell that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from genkit.metrics.bouncing_paths import Bouncing, lawful
from genkit.metrics.bundled import digits
from genkit.metrics.evidence import Evidence
from genkit.metrics.extractors import Extractor
from genkit.metrics.feature_intervals import EXPECTED
from genkit.metrics.measure import Measure, Protocol
from genkit.metrics.tracking import Tracked, tracked
from genkit.metrics.value_intervals import share
from genkit.system.errors import Unmeasurable

TOLERANCE = 0.5  # pixels, of a place before it is rounded down: the path's own pixel or its neighbour
UNLIKE = 0.35  # of a picture from the mean of its clip, by the length of that
ONE_CLASS = 0.75  # of the frames
UNEVEN = 0.25  # of the ink in a frame, by the clip's median
FAR = 0.1  # of a frame's ink, away from what moves
AROUND = 1.4  # side of what the network sees by that of the digit, as its training pictures have it
AT_ONCE = 2_000  # pictures


@dataclass(frozen=True)
class Kept:
    """Which clips keep which part of the rule, bool (n,) each.

    Attributes:
        straight: it moves straight and evenly and is turned round at the walls alone.
        same_digit: it looks alike in all frames, and is one digit in nearly all.
        ink: as bright in every frame, and nothing is elsewhere.
    """

    straight: np.ndarray
    same_digit: np.ndarray
    ink: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        return np.asarray(self.straight & self.same_digit & self.ink)


def kept(clips: np.ndarray, rule: Bouncing) -> Kept:
    """What clips, uint8 (n, 1, T, H, H), keep of the rule of bouncing digits."""
    parts = [_kept(some, rule, clips.shape[-1]) for some in tracked(clips, rule.side)]
    return Kept(*(np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])))


def _kept(some: Tracked, rule: Bouncing, size: int) -> Kept:
    ink = some.ink
    usual = np.maximum(np.median(ink, 1, keepdims=True), 1e-6)
    away = ink - some.near <= FAR * np.maximum(ink, 1e-6)
    return Kept(
        lawful(some.tracks, rule, size, TOLERANCE),
        (some.departures().max(1) <= UNLIKE) & (_one_class(some) >= ONE_CLASS),
        ((np.abs(ink - usual) <= UNEVEN * usual) & away & (ink > 0)).all(1),
    )


def _one_class(some: Tracked) -> np.ndarray:
    """The share of the frames in which a clip's most frequent digit is seen, (n,)."""
    n, frames = some.crops.shape[:2]
    first, behind = some.extents[..., 0], some.extents[..., 1]
    side = np.ceil(AROUND * (behind - first).max(1)).astype(int)
    corner = np.rint((first + behind - side[:, None]) / 2).astype(int) + side[:, None]
    seen = np.empty((n, frames), np.int64)
    for size in np.unique(side):
        rows = np.flatnonzero(side == size)
        padded = np.pad(some.crops[rows], ((0, 0), (0, 0), (size, size), (size, size)))
        views = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (2, 3))
        pictures = views[np.arange(len(rows)), :, corner[rows, 0], corner[rows, 1]]
        flat = torch.from_numpy(np.ascontiguousarray(pictures.reshape(-1, 1, size, size)))
        classes = [_seen(part) for part in flat.split(AT_ONCE)]
        seen[rows] = np.concatenate(classes).reshape(len(rows), frames)
    counts = (seen[:, :, None] == np.arange(10)).sum(1)
    return np.asarray(counts.max(1) / frames)


def _seen(pictures: torch.Tensor) -> np.ndarray:
    """The digit that the bundled network sees in each, (n,)."""
    probabilities = _digits().both(pictures)[1]
    return np.zeros(len(pictures), np.int64) if probabilities is None else probabilities.argmax(1).numpy()


@cache
def _digits() -> Extractor:
    return digits()


def process_shares(evidence: Evidence) -> list[Measure]:
    """`valid_share`, and the shares of its parts.

    Raises:
        Unmeasurable: nobody says how the data were made.
    """
    names = ("valid_share", "straight_share", "same_digit_share", "ink_share")
    rule, clips = evidence.process, evidence.generated.clips.numpy()
    if rule is None:
        raise Unmeasurable(names, "needs data that were made by the rule of bouncing digits, one in a clip.")
    found = kept(clips, rule)
    about: Protocol = {
        **{"side": rule.side, "step": rule.step, "shape": "×".join(map(str, clips.shape[1:]))},
        **{"tolerance": TOLERANCE, "unlike": UNLIKE, "one_class": ONE_CLASS, "uneven": UNEVEN, "far": FAR},
        **{"digits": _digits().digest[:12], "version": 1},
    }
    measures = []
    for name, which in zip(names, (found.valid, found.straight, found.same_digit, found.ink), strict=True):
        value, low, high = share(int(which.sum()), len(which))
        measures.append(
            Measure(name, value, "1", "higher", "estimate", len(which), None, low, high, EXPECTED, about)
        )
    return measures
