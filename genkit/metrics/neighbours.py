"""Precision, recall, density and coverage: who lies within whose neighbourhood in feature space.

A neighbourhood of a sample is the open ball that reaches its k-th nearest neighbour of its own set.
References: Kynkäänniemi et al. 2019 (precision, recall; k = 3); Naeem et al. 2020 (density, coverage; k = 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genkit.metrics.distances import blocks, nearest
from genkit.metrics.features import Features, check_enough, check_pair
from genkit.metrics.intervals import mean_of, normal, part_variance, proportion
from genkit.metrics.measure import Direction, Measure

MANIFOLD, DENSITY = 3, 5  # k of precision and recall, and of density and coverage
DEALT = 8  # parts of the generated samples of which the smallest still needs k neighbours
DEALS = {2: 400, 4: 150, 8: 40}  # see `part_variance`
SLOPES = (-4.0, 0.5)  # cells that fill up lose their variance faster than 1/n
CANDIDATES = 64  # generated samples kept for a real one: in any eighth of so many there is one
REACH = 80  # neighbours kept of a generated sample: k of them are in any eighth


@dataclass(frozen=True)
class Neighbours:
    """What one pass over all distances leaves.  m real and n generated pictures, K candidates.

    Attributes:
        within_manifold: (n,) whether a generated one lies in any real one's ball, k = 3.
        balls: (n,) in how many real ones' balls, k = 5.
        covered: (m,) whether a real one's ball, k = 5, holds any generated one.
        recalled: (m,) whether a real one lies in any generated one's ball, k = 3.
        in_ball: (m, K) indices of the generated ones nearest to a real one, n beyond its ball.
        around: (m, K) indices of the generated ones in whose balls a real one is, or nearly is, deepest.
        distance: (m, K) squared distances to those.
        reach: (n, R) squared distances of a generated one to its own nearest, nearest first.
        reached: (n, R) their indices.
    """

    within_manifold: Tensor
    balls: Tensor
    covered: Tensor
    recalled: Tensor
    in_ball: Tensor
    around: Tensor
    distance: Tensor
    reach: Tensor
    reached: Tensor


class CoverageOfParts:
    """Coverage by each part that the generated pictures are dealt into; one bit a part."""

    def __init__(self, found: Neighbours) -> None:
        self.in_ball = found.in_ball.T.contiguous().numpy()  # (K, m): reductions run along the long axis

    def __call__(self, place: np.ndarray, parts: int) -> list[float]:
        bits = np.append(np.left_shift(1, place), 0).astype(np.uint8)  # index n: beyond the ball
        return _shares(bits[self.in_ball], parts)


class RecallOfParts:
    """Recall by each part that the generated pictures are dealt into, with the neighbours they have there."""

    def __init__(self, found: Neighbours) -> None:
        self.reached = found.reached.T.contiguous().numpy()  # (R, n)
        self.reach = found.reach.numpy()
        self.around = found.around.T.contiguous().numpy()  # (K, m)
        self.distance = found.distance.T.contiguous().numpy()

    def __call__(self, place: np.ndarray, parts: int) -> list[float]:
        rank = (place[self.reached] == place).cumsum(0, dtype=np.uint8)
        nearest_own = (rank < MANIFOLD).sum(0).clip(max=len(rank) - 1)
        radii = self.reach[np.arange(len(self.reach)), nearest_own]
        bits = np.left_shift(1, place).astype(np.uint8)[self.around]
        return _shares(bits * (self.distance < radii[self.around]), parts)


def _shares(bits: np.ndarray, parts: int) -> list[float]:
    """Of (K, m) bits: the share of the m that have bit 0, 1, … in any of their K."""
    some = np.bitwise_or.reduce(bits, axis=0)
    return [float(np.mean(some >> part & 1)) for part in range(parts)]


def neighbour_measures(real: Features, generated: Features) -> list[Measure]:
    """Precision, recall, density and coverage from one pass.

    Raises:
        DataError: fewer than 8 (k + 1) samples.
        ConfigError: features of two extractors.
    """
    check_pair(real, generated)
    check_enough(("precision", "recall", "density", "coverage"), DEALT * (DENSITY + 1), real, generated)
    found = neighbours(real.vectors, generated.vectors)
    density, density_variance = mean_of(found.balls.double() / DENSITY)

    def measure(metric: str, value: Tensor | float, k: int, direction: Direction = "higher") -> Measure:
        protocol = {**generated.protocol, "k": k, "version": 1}
        n, m = len(generated), len(real)
        return Measure(metric, float(value), "1", direction, "estimate", n, m, protocol=protocol)

    n = len(generated)
    recall = measure("recall", found.recalled.double().mean(), MANIFOLD)
    coverage = measure("coverage", found.covered.double().mean(), DENSITY)
    return [
        proportion(measure("precision", found.within_manifold.double().mean(), MANIFOLD)),
        normal(recall, part_variance(RecallOfParts(found), n, DEALS, SLOPES), least=0, largest=1),
        normal(measure("density", density, DENSITY), density_variance),
        normal(coverage, part_variance(CoverageOfParts(found), n, DEALS, SLOPES), least=0, largest=1),
    ]


def precision(real: Features, generated: Features) -> Measure:
    """Share of generated pictures within the balls around real ones."""
    return neighbour_measures(real, generated)[0]


def recall(real: Features, generated: Features) -> Measure:
    """Share of real pictures within the balls around generated ones."""
    return neighbour_measures(real, generated)[1]


def density(real: Features, generated: Features) -> Measure:
    """Mean number of real balls that hold a generated picture, over k."""
    return neighbour_measures(real, generated)[2]


def coverage(real: Features, generated: Features) -> Measure:
    """Share of real pictures whose ball holds a generated one."""
    return neighbour_measures(real, generated)[3]


def neighbours(real: Tensor, generated: Tensor) -> Neighbours:
    """Everything above from the features (m, d) and (n, d), a block of distances at a time."""
    m, n = len(real), len(generated)
    own = nearest(real, real, max(MANIFOLD, DENSITY), same=True)[0]
    manifold, ball = own[:, MANIFOLD - 1], own[:, DENSITY - 1]
    reach, reached = nearest(generated, generated, min(REACH, n - 1), same=True)
    radii = reach[:, MANIFOLD - 1]
    within = torch.zeros(n, dtype=torch.bool)
    balls = torch.zeros(n, dtype=torch.long)
    kept = min(CANDIDATES, n)
    covered, recalled = torch.empty(2, m, dtype=torch.bool)
    in_ball, around = torch.empty(2, m, kept, dtype=torch.int64)
    distance = torch.empty(m, kept, dtype=torch.float64)
    for where, squared in blocks(real, generated):
        within |= (squared < manifold[where, None]).any(0)
        inside = squared < ball[where, None]
        balls += inside.sum(0)
        covered[where] = inside.any(1)
        recalled[where] = (squared < radii).any(1)
        values, indices = squared.topk(kept, largest=False)
        in_ball[where] = indices.masked_fill(values >= ball[where, None], n)
        # Balls of radius zero hold nothing: they come last.
        depth = torch.where(radii > 0, squared / radii.clamp(min=1e-300), torch.inf)
        indices = depth.topk(kept, largest=False).indices
        around[where] = indices
        distance[where] = squared.gather(1, indices)
    return Neighbours(within, balls, covered, recalled, in_ball, around, distance, reach, reached)
