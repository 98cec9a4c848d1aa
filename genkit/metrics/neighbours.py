"""Precision, recall, density and coverage: who lies within whose neighbourhood in feature space.

A neighbourhood of a sample is the open ball that reaches its k-th nearest neighbour of its own set.
References: Kynkäänniemi et al. 2019 (precision, recall; k = 3); Naeem et al. 2020 (density, coverage; k = 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genkit.metrics.distances import blocks, nearest
from genkit.metrics.feature_intervals import normal, proportion
from genkit.metrics.features import Features, check_enough, check_pair
from genkit.metrics.measure import Direction, Measure

MANIFOLD, DENSITY = 3, 5  # k of precision and recall, and of density and coverage
LEAST = 8 * (DENSITY + 1)  # samples of either set
DEALS = {2: 50, 4: 20, 8: 8}  # how often both sets are dealt into so many parts
ENOUGH = 500  # samples of a part from which on smaller parts would do as well
GROWTH = 1.5  # of n · variance from half a part to a part; more is noise
REACH = 16  # neighbours kept for each part: k of them are in any
OF_BOTH = "its expected value at these numbers of real and generated samples, both drawn anew"


@dataclass(frozen=True)
class Neighbours:
    """What one pass over all distances leaves.  m real and n generated pictures.

    Attributes:
        within_manifold: (n,) whether a generated one lies in any real one's ball, k = 3.
        balls: (n,) in how many real ones' balls, k = 5.
        covered: (m,) whether a real one's ball, k = 5, holds any generated one.
        recalled: (m,) whether a real one lies in any generated one's ball, k = 3.
        variances: of precision, recall, density and coverage, over both sets drawn anew.
    """

    within_manifold: Tensor
    balls: Tensor
    covered: Tensor
    recalled: Tensor
    variances: tuple[float, ...]


class Deal:
    """Both sets dealt into parts, each of which is measured as if it were all: with the balls it has alone.

    Args:
        real, generated: squared distances of each to its nearest of its own set, and who those are, (m, R).
        places: the part that each real one is in, (m,), and each generated one, (n,).
        parts: how many there are.
    """

    def __init__(
        self,
        real: tuple[Tensor, Tensor],
        generated: tuple[Tensor, Tensor],
        places: Sequence[Tensor],
        parts: int = 1,
    ) -> None:
        self.manifold, self.ball = radii(*real, places[0], (MANIFOLD, DENSITY))
        (self.reach,) = radii(*generated, places[1], (MANIFOLD,))
        self.rows = [(places[0] == part).nonzero()[:, 0] for part in range(parts)]
        self.columns = [(places[1] == part).nonzero()[:, 0] for part in range(parts)]
        m, n = map(len, places)
        self.within, self.balls = torch.zeros(n, dtype=torch.bool), torch.zeros(n, dtype=torch.long)
        self.covered, self.recalled = torch.zeros(2, m, dtype=torch.bool)

    def add(self, where: slice, squared: Tensor) -> None:
        """Take in the squared distances (b, n) of some real ones to all generated ones."""
        for rows, columns in zip(self.rows, self.columns, strict=True):
            rows = rows[torch.searchsorted(rows, where.start) : torch.searchsorted(rows, where.stop)]
            whole = len(self.rows) == 1
            part = squared if whole else squared[rows - where.start].index_select(1, columns)
            inside = part < self.ball[rows, None]
            self.balls[columns] += inside.sum(0)
            self.covered[rows] = inside.any(1)
            self.within[columns] |= (part < self.manifold[rows, None]).any(0)
            self.recalled[rows] = (part < self.reach[columns]).any(1)

    def values(self) -> Tensor:
        """Precision, recall, density and coverage of each part, (4, P) float64."""
        each = [
            (self.within, self.columns),
            (self.recalled, self.rows),
            (self.balls / DENSITY, self.columns),
            (self.covered, self.rows),
        ]
        return torch.stack([torch.stack([v.double()[i].mean() for i in where]) for v, where in each])


def radii(distances: Tensor, who: Tensor, place: Tensor, ks: tuple[int, ...]) -> Iterator[Tensor]:
    """Squared distances of each sample to its k-th nearest of its own part, (n,), for each k.

    Args:
        distances, who: (n, R), nearest first.
        place: the part that each is in, (n,).
    """
    rank = (place[who] == place[:, None]).cumsum(1)
    for k in ks:
        which = (rank < k).sum(1).clamp(max=who.shape[1] - 1)
        yield distances.gather(1, which[:, None])[:, 0]


def neighbour_measures(real: Features, generated: Features) -> list[Measure]:
    """Precision, recall, density and coverage from one pass.

    A ball's radius is a distance between samples of one set, so that the terms of such a mean depend on one
    another, and on which real ones there are.  The interval is of both sets drawn anew: see `neighbours`.

    Raises:
        DataError: fewer than 48 samples.
        ConfigError: features of two extractors.
    """
    check_pair(real, generated)
    check_enough(("precision", "recall", "density", "coverage"), LEAST, real, generated)
    found = neighbours(real.vectors, generated.vectors)
    n, m = len(generated), len(real)
    precision, recall, density, coverage = found.variances

    def measure(metric: str, values: Tensor, k: int, direction: Direction = "higher") -> Measure:
        protocol = {**generated.protocol, "k": k, "version": 1}
        value = float(values.double().mean())
        return Measure(metric, value, "1", direction, "estimate", n, m, protocol=protocol)

    return [
        share(measure("precision", found.within_manifold, MANIFOLD), precision, n),
        share(measure("recall", found.recalled, MANIFOLD), recall, m),
        normal(measure("density", found.balls / DENSITY, DENSITY), density, OF_BOTH, least=0),
        share(measure("coverage", found.covered, DENSITY), coverage, m),
    ]


def share(measure: Measure, variance: float, terms: int) -> Measure:
    """A share of dependent terms: Wilson's interval for as many independent ones as would vary as much.

    (Korn and Graubard 1998 do so for samples in clusters.)  Where none or all are in, or all parts agree,
    nothing is known of the dependence.
    """
    binomial = measure.value * (1 - measure.value)
    return proportion(measure, OF_BOTH, binomial / variance if binomial and variance else terms)


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


def neighbours(real: Tensor, generated: Tensor, seed: int = 0) -> Neighbours:
    """Everything above from the features (m, d) and (n, d), a block of distances at a time.

    The variances come from parts into which both sets are dealt.  Disjoint parts are independent, so among
    themselves they vary as a measurement with as many samples of each set does: balls, radii and all.  With
    the ratio of the two sets as it was, what each sample sees of its neighbourhood stays much the same, and
    n · variance of such a mean tends to a constant (Penrose and Yukich 2001), here as a + b/n: by what it has
    grown from parts of half the size it grows half as much once more, on logarithms.  A jackknife would be
    too wide: a neighbour that leaves a ball takes all of it along.
    """
    m, n = len(real), len(generated)
    parts = 4 if min(m, n) >= 4 * ENOUGH else 2
    own, others = (nearest(x, x, min(2 * REACH * parts, len(x) - 1), same=True) for x in (real, generated))
    whole = Deal(own, others, [torch.zeros(size, dtype=torch.long) for size in (m, n)])
    generator = np.random.default_rng(seed)
    deals: dict[int, list[Deal]] = {parts: [], 2 * parts: []}
    for count, made in deals.items():
        for _ in range(DEALS[count]):
            places = [torch.from_numpy(generator.permutation(size) % count) for size in (m, n)]
            made.append(Deal(own, others, places, count))
    for where, squared in blocks(real, generated):
        whole.add(where, squared)
        single = squared.float()  # in half the time
        for deal in (*deals[parts], *deals[2 * parts]):
            deal.add(where, single)
    large, small = (
        torch.stack([deal.values().var(1) for deal in made]).mean(0) / count for count, made in deals.items()
    )
    growth = torch.where(small > 0, large / small, 1.0).clamp(1 / GROWTH, GROWTH)
    variances = (large * growth.sqrt()).tolist()
    return Neighbours(whole.within, whole.balls, whole.covered, whole.recalled, tuple(variances))
