"""Predictions of the rest of clips, beside what comes, and beside trivial ones.

Of a clip whose first frames are given a model draws the others several times.  What the draws are worth is
told in three ways that must not be mixed: of one draw (the mean over the draws of each draw's error), of the
best of K (of each clip the one that is best by the very number that is reported, which needs the truth), and
of their mean as one prediction, which under a squared error is the best guess.

Legend: n clips, K draws, S… the shape (C, T, H, W) of the hidden frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from genkit.metrics import frames, value_intervals
from genkit.metrics.measure import Direction, Measure, Protocol
from genkit.metrics.of_predictions import (
    FRAME_ERRORS,
    GAINED,
    MADE,
    OF_CHANCES,
    OF_DRAWS,
    TRIVIAL,
    FrameError,
)
from genkit.system.errors import Unmeasurable

if TYPE_CHECKING:
    from genkit.metrics.evidence import Evidence

LEAST = 2  # clips that have an interval
CLIPPED = 1e-6  # chances are that far from 0 and 1: a pixel costs 13.8 nats at most
OF_CLIPS = "the mean over all clips that the data could have, this network held fixed"


@dataclass(frozen=True)
class Predictions:
    """The hidden frames of clips, numbers from 0 to 1, and what was said of them.

    Attributes:
        truth: (n, S…).
        trivial: what is predicted without a model, (n, S…) each, by the names of `of_predictions.TRIVIAL`.
        draws: of a model, (K, n, S…); None where it makes none.
        chances: the level that it expects of each number given all before it, (n, S…), or None.
        about: what the numbers depend on: the frames that are given, their shape.
        told: what a model is given beside them, such as labels.
    """

    truth: Tensor
    trivial: Mapping[str, Tensor]
    draws: Tensor | None = None
    chances: Tensor | None = None
    about: Protocol = field(default_factory=dict)
    told: Protocol = field(default_factory=dict)


def errors(evidence: Evidence) -> list[Measure]:
    """Of draws, and of what is trivial, by every distance of `genkit.metrics.frames`.

    Raises:
        Unmeasurable: fewer than 2 clips.
    """
    found = _seen(evidence, OF_DRAWS)
    return [] if found is None else [measure for error in FRAME_ERRORS for measure in _errors(error, found)]


def ceiling(evidence: Evidence) -> list[Measure]:
    """For each number of draws the best of the trivial predictions: who has learnt nothing is no better.

    Raises:
        Unmeasurable: fewer than 2 clips.
    """
    made = {measure.metric: measure for measure in errors(evidence)}
    best = []
    for error in FRAME_ERRORS:
        skilless = [made[f"{name}_{error.name}"] for name in TRIVIAL if f"{name}_{error.name}" in made]
        own = [made[f"{name}_{error.name}"] for name in MADE if f"{name}_{error.name}" in made]
        pick = max if error.direction == "higher" else min
        for measure in own:
            least = pick(skilless, key=lambda one: one.value)
            best.append(replace(measure, value=least.value, low=least.low, high=least.high))
    return best


def _errors(error: FrameError, found: Predictions) -> Iterator[Measure]:
    of = getattr(frames, error.name)
    trivial = {name: _numbers(of(one, found.truth)) for name, one in found.trivial.items()}
    ends = error.least, error.most

    def measure(name: str, values: np.ndarray, direction: Direction, protocol: Protocol) -> Measure:
        return _measure(f"{name}_{error.name}", values, ends, error.unit, direction, protocol)

    if found.draws is not None:
        each = np.stack([_numbers(of(draw, found.truth)) for draw in found.draws])  # (K, n)
        best = each.max(0) if error.direction == "higher" else each.min(0)
        mean = _numbers(of(found.draws.mean(0), found.truth))
        one, several = {**found.about, **found.told}, {"draws": len(found.draws)}
        yield measure("prediction", each.mean(0), error.direction, one)
        yield measure("best_prediction", best, error.direction, {**one, **several})
        yield measure("mean_prediction", mean, error.direction, {**one, **several})
        if error.name == "mse":
            for name in GAINED:
                gained, within = trivial[name] - each.mean(0), (-np.inf, np.inf)
                yield _measure(f"gain_over_{name}", gained, within, "1", "higher", one)
    for name, values in trivial.items():
        yield measure(name, values, "none", found.about)


# ---------------------------------------------------------------------- as chances


def cross_entropies(evidence: Evidence) -> list[Measure]:
    """-Σ [t log p + (1 - t) log (1 - p)] over the numbers of a frame, nats, as Kalchbrenner et al. 2017 have
    it: t is what a number is and p what is expected of it, both from 0 to 1 and read as chances.

    Where numbers are 0 or 1 and come one by one, it is the exact likelihood of the frame; where several come
    at once, each of their chances is marginal, and it is no less than that.  Of grey it is no likelihood.

    Raises:
        Unmeasurable: fewer than 2 clips.
    """
    found = _seen(evidence, (OF_CHANCES,))
    if found is None:
        return []
    expected = {
        OF_CHANCES: (found.chances, found.told),
        "frame_cross_entropy_bound": (found.truth, {}),
        "mean_frame_cross_entropy": (found.trivial["mean_frame"], {}),
    }
    made = []
    for name, (chances, told) in expected.items():
        if chances is not None:
            direction: Direction = "lower" if chances is found.chances else "none"
            bound = chances is found.truth
            values = _numbers(cross_entropy(chances, found.truth, 0.0 if bound else CLIPPED))
            protocol = {**found.about, **told, **({} if bound else {"clipped": CLIPPED})}
            made.append(_measure(name, values, (0.0, np.inf), "nats/frame", direction, protocol))
    return made


def cross_entropy(chances: Tensor, truth: Tensor, clipped: float = CLIPPED) -> Tensor:
    """Nats a frame, the mean over the frames of each clip, float64 (n,), of (n, C, T, H, W) each.

    Args:
        clipped: how far from 0 and 1 chances are kept; 0 · log 0 counts as 0.
    """
    given = chances.double().clamp(clipped, 1 - clipped)
    wanted = truth.double()
    nats = -(torch.xlogy(wanted, given) + torch.xlogy(1 - wanted, 1 - given))
    return nats.sum((1, 3, 4)).mean(1)


# ---------------------------------------------------------------------- measured


def _seen(evidence: Evidence, names: tuple[str, ...]) -> Predictions | None:
    found = evidence.predictions
    if found is not None and len(found.truth) < LEAST:
        raise Unmeasurable(names, f"need at least {LEAST} clips; there are {len(found.truth)}.")
    return found


def _numbers(values: Tensor) -> np.ndarray:
    found: np.ndarray = values.double().cpu().numpy()
    return found


def _measure(
    name: str,
    values: np.ndarray,
    ends: tuple[float, float],
    unit: str,
    direction: Direction,
    protocol: Protocol,
) -> Measure:
    """The mean over clips."""
    value, low, high = value_intervals.within(value_intervals.mean(values), *ends)
    n = len(values)
    return Measure(name, value, unit, direction, "estimate", n, None, low, high, OF_CLIPS, protocol)
