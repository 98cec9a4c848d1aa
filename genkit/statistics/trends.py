"""Quality against cost, and quality along a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genkit.statistics.intervals import summarise


def pareto_front(points: Sequence[tuple[float, float]], directions: tuple[str, str]) -> list[int]:
    """Places of the points that no other beats: none is as good in both and better in one.

    Args:
        points: (cost, quality) or any two numbers.
        directions: "lower" or "higher", which way each is better.
    """
    signs = np.array([1.0 if direction == "lower" else -1.0 for direction in directions])
    x = np.asarray(points, dtype=np.float64).reshape(-1, 2) * signs
    no_worse = (x[:, None, :] <= x[None, :, :]).all(-1)
    better = (x[:, None, :] < x[None, :, :]).any(-1)
    return [int(i) for i in np.flatnonzero(~(no_worse & better).any(0))]


@dataclass(frozen=True)
class Band:
    """A curve over several trainings.

    Attributes:
        x: where.
        mean: of the trainings that reach so far, `n` of them.
        low, high: its 95 % interval over training seeds; nan where a single training reaches.
    """

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray


def band(curves: Sequence[tuple[Sequence[float], Sequence[float]]], whole: bool = False) -> Band:
    """One curve of several (x, y), at every x that one of them has.

    A curve is read between its own points along straight lines, and nowhere beyond its ends.

    Args:
        whole: only where every curve reaches, so that no mean jumps where one ends; there may be no such x.

    Raises:
        ValueError: there is no curve, or a value is not finite.
    """
    if not curves:
        raise ValueError("a band needs at least one curve")
    grid = np.unique(np.concatenate([np.asarray(x, dtype=np.float64) for x, _ in curves]))
    columns = np.full((len(curves), len(grid)), np.nan)
    for row, (x, y) in zip(columns, curves, strict=True):
        if not np.isfinite(y).all():
            raise ValueError("a curve needs finite values")
        inside = (grid >= min(x)) & (grid <= max(x))
        row[inside] = np.interp(grid[inside], x, y)
    if whole:
        reached = ~np.isnan(columns).any(0)
        grid, columns = grid[reached], columns[:, reached]
    summaries = [summarise(column[~np.isnan(column)]) for column in columns.T]
    return Band(
        grid,
        np.array([s.mean for s in summaries]),
        np.array([np.nan if s.low is None else s.low for s in summaries]),
        np.array([np.nan if s.high is None else s.high for s in summaries]),
        np.array([s.n for s in summaries]),
    )


def value_at(curve: Band, x: float) -> tuple[float, float | None, float | None]:
    """Mean and interval (None: there is none) of a band at an x within it, along straight lines."""
    mean, low, high = (float(np.interp(x, curve.x, y)) for y in (curve.mean, curve.low, curve.high))
    return (mean, None, None) if np.isnan(low) else (mean, low, high)
