"""Whether a network repeats its training pictures: distances to them, calibrated on pictures it never saw.

A sample that was not copied is as near to the training set as a held-out picture is.  So a sample's ratio
of distances, to its nearest training and to its nearest held-out picture, is set against the ratios that
held-out pictures have themselves (each without itself).  Compare Meehan et al. 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genkit.metrics.distances import nearest
from genkit.metrics.feature_intervals import mean_of, normal, proportion
from genkit.metrics.features import Features, check_enough, check_pair
from genkit.metrics.measure import Direction, Measure
from genkit.system.errors import Unmeasurable

if TYPE_CHECKING:
    from genkit.metrics.evidence import Evidence, Seen

LEAST = 20  # held-out pictures: fewer have no 5 % quantile
QUANTILE = 0.05
SHOWN = 16
DEALS, REACH = 100, 32  # of held-out pictures into halves; neighbours of each that are kept
METRICS = ("memorised_share", "memorisation", "nearest_train")
COPIED = ("exact_copies", "duplicates")


@dataclass(frozen=True)
class NearestPairs:
    """The samples that are nearest to a training picture, nearest first.

    Attributes:
        generated, train: (k,) indices into the two sets.
        distance: (k,) in feature space.
        copy: (k,) whether the two are equal in every 8-bit pixel.
    """

    generated: Tensor
    train: Tensor
    distance: Tensor
    copy: Tensor


def copied(evidence: Evidence) -> list[Measure]:
    """Copies among the samples: of training examples, and of one another."""
    return copies(hashes(evidence.generated.features), hashes(_train(evidence).features))


def remembered(evidence: Evidence) -> list[Measure]:
    """Distances of the samples to training examples; the nearest pairs stay with the evidence."""
    train, held_out = _train(evidence).features, evidence.real.features
    found, evidence.pairs = memorisation(evidence.generated.features, train, held_out)
    return found


def dealt(evidence: Evidence) -> list[Measure]:
    """What held-out examples have in the place of samples."""
    return memorisation_floor(_train(evidence).features, evidence.real.features)


def _train(evidence: Evidence) -> Seen:
    if evidence.train is None:
        raise Unmeasurable((*COPIED, *METRICS), "need training examples; this evidence has none.")
    return evidence.train


def memorisation(
    generated: Features, train: Features, held_out: Features, shown: int = SHOWN
) -> tuple[list[Measure], NearestPairs]:
    """Measures of copying, and the nearest pairs for a picture.

    `exact_copies`, `duplicates`: see `copies`.
    `memorised_share`: samples whose ratio lies below the 5 % quantile of the held-out pictures' ratios; 0.05
    where nothing is memorised.
    `memorisation`: the chance that a sample's ratio lies below a held-out picture's; 0.5 where nothing is
    memorised, 1 where everything is.  Neither has a better direction: what is unlike any picture is near to
    no training picture either, so white noise and a collapsed model have less than held-out pictures.
    `nearest_train`: the mean distance to the nearest training picture.

    Raises:
        Unmeasurable: too few pictures.
        ConfigError: features of different extractors.
    """
    for other in (train, held_out):
        check_pair(other, generated)
    check_enough(METRICS, 2, train, generated)
    check_enough(METRICS, LEAST, held_out, generated)
    distance, place = (t[:, 0] for t in nearest(generated.vectors, train.vectors, 1))
    ratios = _ratio(distance, nearest(generated.vectors, held_out.vectors, 1)[0][:, 0])
    calibration = _ratio(
        nearest(held_out.vectors, train.vectors, 1)[0][:, 0],
        nearest(held_out.vectors, held_out.vectors, 1, same=True)[0][:, 0],
    )
    copied = torch.isin(hashes(generated), hashes(train))
    n, m = len(generated), len(train)
    protocol = {**generated.protocol, "held_out": len(held_out), "quantile": QUANTILE, "version": 1}

    def measure(metric: str, value: float, unit: str, direction: Direction) -> Measure:
        return Measure(metric, value, unit, direction, "estimate", n, m, protocol=protocol)

    distances, distance_variance = mean_of(distance.sqrt())
    below = (ratios < calibration.quantile(QUANTILE)).double()
    wins = _shares_above(ratios, calibration)
    rank, rank_variance = mean_of(wins)
    measures = [
        *copies(hashes(generated), hashes(train)),
        proportion(measure("memorised_share", float(below.mean()), "1", "none")),
        normal(measure("memorisation", rank, "1", "none"), rank_variance),
        normal(measure("nearest_train", distances, "1", "none"), distance_variance),
    ]
    order = distance.argsort(stable=True)[:shown]
    order = order[copied[order].logical_not().argsort(stable=True)]
    return measures, NearestPairs(order, place[order], distance[order].sqrt(), copied[order])


def memorisation_floor(
    train: Features, held_out: Features, deals: int = DEALS, seed: int = 0
) -> list[Measure]:
    """What held-out pictures have as samples, one half against the other: the mean of many deals.

    Raises:
        Unmeasurable: too few pictures for two halves.
    """
    half = len(held_out) // 2
    check_enough(METRICS, 2 * LEAST, held_out, held_out)
    to_train = nearest(held_out.vectors, train.vectors, 1)[0][:, 0]
    near, who = nearest(held_out.vectors, held_out.vectors, min(REACH, len(held_out) - 1), same=True)
    generator = torch.Generator().manual_seed(seed)
    shares, ranks = [], []
    for _ in range(deals):
        mine = torch.zeros(len(held_out), dtype=torch.bool)
        mine[torch.randperm(len(held_out), generator=generator)[:half]] = True
        other = ~mine[who]  # of so many neighbours one is in the other half
        place = other.int().argmax(1)
        place[~other.any(1)] = who.shape[1] - 1
        ratios = _ratio(to_train, near.gather(1, place[:, None])[:, 0])
        calibration = ratios[~mine]
        shares.append((ratios[mine] < calibration.quantile(QUANTILE)).double().mean())
        ranks.append(_shares_above(ratios[mine], calibration).mean())
    n, m = half, len(train)
    protocol = {**train.protocol, "held_out": len(held_out), "quantile": QUANTILE, "version": 1}
    numbers = {
        "memorised_share": float(torch.stack(shares).mean()),
        "memorisation": float(torch.stack(ranks).mean()),
        "nearest_train": float(to_train.sqrt().mean()),
    }
    return [
        *copies(hashes(held_out), hashes(train)),
        *(
            Measure(name, value, "1", "none", "estimate", n, m, protocol=protocol)
            for name, value in numbers.items()
        ),
    ]


def copies(generated: Tensor, known: Tensor) -> list[Measure]:
    """`exact_copies`: samples that equal a known one in every 8-bit pixel (or character).
    `duplicates`: samples that equal an earlier sample.

    Args:
        generated, known: hashes, int64 (n,) and (m,).
    """
    n, m = len(generated), len(known)
    numbers = {
        "exact_copies": int(torch.isin(generated, known).sum()),
        "duplicates": n - len(generated.unique()),
    }
    return [
        Measure(name, float(value), "samples", "lower", "estimate", n, m if name == "exact_copies" else None)
        for name, value in numbers.items()
    ]


def _ratio(train: Tensor, held_out: Tensor) -> Tensor:
    """Squared distances over squared distances; 1 where both are zero."""
    return torch.where((train == 0) & (held_out == 0), 1.0, train / held_out.clamp(min=1e-300))


def _shares_above(values: Tensor, calibration: Tensor) -> Tensor:
    """For each value the share of the calibration above it, ties by half: the terms of Mann & Whitney's U."""
    ordered = calibration.sort().values
    above = len(ordered) - torch.searchsorted(ordered, values, right=True)
    equal = len(ordered) - torch.searchsorted(ordered, values) - above
    return (above + equal / 2).double() / len(ordered)


def hashes(features: Features) -> Tensor:
    """Those that `collect` keeps, (n,).

    Raises:
        Unmeasurable: these features have none.
    """
    if features.keys is None:
        raise Unmeasurable(COPIED, "need the hashes that `collect` keeps; these features have none.")
    return features.keys
