"""Levels of data as points of a continuum, as a model of densities needs them, and back.

Each level becomes an interval of equal length, in which a uniform number chooses a point (Theis et al. 2016):
so log P(level) is bounded from below by the mean of log p(point) and the logarithm of the length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Continuum:
    """Data in [0, 1] as numbers in [-1, 1].

    Attributes:
        levels: how many values an entry of the data has.
        filled: whether each level is spread over an interval; else it stays one point, and has no density.
    """

    levels: int
    filled: bool = True

    def points(self, unit: Tensor, share: Tensor | float = 0.5) -> Tensor:
        """Data in [0, 1] to points, at this share of the way through the interval of each entry."""
        if not self.filled:
            return unit * 2 - 1
        return (unit * (self.levels - 1) + share) * (2 / self.levels) - 1

    def data(self, points: Tensor) -> Tensor:
        """Points to data where the middle of an interval is its level: not rounded, nor clipped."""
        unit = (points + 1) / 2
        return (unit * self.levels - 0.5) / (self.levels - 1) if self.filled else unit

    def levels_at(self, points: Tensor) -> Tensor:
        """The data whose intervals points are in, in [0, 1]."""
        unit = self.data(points).clamp(0, 1)
        return (unit * (self.levels - 1)).round() / (self.levels - 1) if self.filled else unit

    def log_length(self) -> float:
        """Nats of the length of an interval."""
        return math.log(2 / self.levels)
