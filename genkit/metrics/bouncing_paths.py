"""Whether something moves as the rule of bouncing digits has it: straight and evenly, turned round at walls.

Along each axis a place is x_t = x_0 ± s t until it would reach a wall; there it stands exactly, and goes
back.  Of a path in whole pixels neither x_0 nor, where pictures have empty edges, the wall is known, but both
are solved for: all that is tried is the direction, which both axes share, on a grid.

Legend: n clips, T frames, P pairs of a clip and a direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Pixels by which a direction of the grid may lead away from the true one; of those near by, so many more.
COARSE, FINER = 1.0, 10
AT_ONCE = 2**20  # numbers in memory


@dataclass(frozen=True)
class Bouncing:
    """A square that moves in another one.

    Attributes:
        side: of what moves, pixels.
        step: its way from frame to frame, pixels.
    """

    side: int
    step: float


@dataclass(frozen=True)
class Tracks:
    """Where something was seen.

    Attributes:
        places: whole pixels of its upper left corner, but for what is constant in a clip, (n, T, 2): from
            the top, and from the left.
        least, most: between which the places are if it stands at the upper, and at the left wall, (n, 2).
    """

    places: np.ndarray
    least: np.ndarray
    most: np.ndarray

    def __getitem__(self, rows: slice) -> Tracks:
        """Of some clips."""
        return Tracks(self.places[rows], self.least[rows], self.most[rows])

    def __len__(self) -> int:
        return len(self.places)


def lawful(tracks: Tracks, rule: Bouncing, size: int, tolerance: float) -> np.ndarray:
    """Which tracks a path of the rule fits, bool (n,).

    Args:
        size: of the square in which it moves, pixels.
        tolerance: pixels by which a place, before it is rounded down, may be outside of the pixel in which it
            was seen, in each frame; below 1 a path's own pixel is then that one or the next.
    """
    fits = np.zeros(len(tracks), bool)
    way = rule.step * (tracks.places.shape[1] - 1)
    coarse = max(8, math.ceil(math.pi / 4 * way / COARSE))
    finer = np.arange(FINER) - (FINER - 1) / 2
    rows = max(1, AT_ONCE // (coarse * tracks.places.shape[1]))
    for start in range(0, len(tracks), rows):
        some = tracks[start : start + rows]
        of, direction = np.indices((len(some), coarse)).reshape(2, -1)
        angle = (direction + 0.5) * (math.pi / 2 / coarse)
        near = _fitting(some, of, angle, rule, size, tolerance + COARSE)
        of, angle = of[near].repeat(FINER), angle[near].repeat(FINER)
        angle = angle + np.tile(finer, int(near.sum())) * (math.pi / 2 / coarse / FINER)
        fits[start + of[_fitting(some, of, angle, rule, size, tolerance)]] = True
    return fits


def _fitting(
    tracks: Tracks, of: np.ndarray, angle: np.ndarray, rule: Bouncing, size: int, tolerance: float
) -> np.ndarray:
    """Which of some directions, radians (P,), fit the tracks `of`, (P,), along both axes, bool (P,)."""
    fits = np.ones(len(of), bool)
    for axis, share in enumerate((np.sin(angle), np.cos(angle))):
        left = np.flatnonzero(fits)
        clips, steps = of[left], rule.step * share[left]
        seen = tracks.places[clips, :, axis].astype(float)
        low, high = seen - tolerance, seen + 1 + tolerance
        least, most = tracks.least[clips, axis].astype(float), tracks.most[clips, axis].astype(float)
        free = float(size - rule.side)
        fits[left] = _towards(low, high, least, most, steps, free)
        other = left[~fits[left]]  # it may go towards the other wall: the same in a mirror
        back = ~fits[left]
        fits[other] = _towards(
            -high[back], -low[back], -most[back] - free, -least[back] - free, steps[back], free
        )
    return fits


def _towards(
    low: np.ndarray, high: np.ndarray, least: np.ndarray, most: np.ndarray, steps: np.ndarray, free: float
) -> np.ndarray:
    """Which of P paths along an axis go at first towards the wall at its lower end, bool (P,).

    Until frame b, where it stands at the wall, x_t = x_0 - s t; from there on it is at the wall + w_{t - b}.
    Each frame bounds x_0 or the wall, and b bounds their difference: s (b - 1) ≤ x_0 - wall ≤ s b.

    Args:
        low, high: between which the place is, (P, T).
        least, most: between which the wall is, (P,).
        steps: s, pixels (P,).
    """
    frames = low.shape[1]
    gone = steps[:, None] * np.arange(frames)
    begin_low = np.maximum.accumulate(low + gone, 1)  # of x_0, by the frames until each
    begin_high = np.minimum.accumulate(high + gone, 1)
    away = from_wall(steps, frames, free)
    fits = np.zeros(len(low), bool)
    for b in range(1, frames + 1):
        wall_low, wall_high, reached = least, most, np.full(len(low), free)
        if b < frames:
            wall_low = np.maximum(least, (low[:, b:] - away[:, : frames - b]).max(1))
            wall_high = np.minimum(most, (high[:, b:] - away[:, : frames - b]).min(1))
            reached = np.minimum(steps * b, free)
        first_low, first_high = begin_low[:, b - 1], begin_high[:, b - 1]
        apart_low = np.maximum(first_low - wall_high, gone[:, b - 1])
        apart_high = np.minimum(first_high - wall_low, reached)
        fits |= (wall_low <= wall_high) & (first_low <= first_high) & (apart_low <= apart_high)
    return fits


def from_wall(steps: np.ndarray, frames: int, free: float) -> np.ndarray:
    """How far from a wall what leaves it is, in that frame and those after it, pixels (P, T)."""
    place, step = np.zeros(len(steps)), steps.copy()
    found = np.empty((len(steps), frames))
    for t in range(frames):
        found[:, t] = place
        place = place + step
        step = np.where((place <= 0) | (place >= free), -step, step)
        place = place.clip(0, free)
    return found
