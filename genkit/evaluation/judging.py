"""Samples beside real examples that are no part of a run's data: with a floor, a ceiling and copies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from genkit.core.spec import ArraySpec
from genkit.data.splits import mixed
from genkit.evaluation.array_quality import noise
from genkit.evaluation.subject import Found, reasons
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Evidence, Seen
from genkit.metrics.extractors import Extractor
from genkit.metrics.features import Features
from genkit.metrics.measure import Measure
from genkit.metrics.memorisation import copies, hashes
from genkit.metrics.panel import beside, measured
from genkit.system.errors import Unmeasurable

COPIED = "{} of {} equal an example of real= exactly: the other numbers judge copies, too"


def judged_by(
    real: Seen,
    made: Seen,
    chosen: Extractor | None,
    array: ArraySpec,
    label: np.ndarray | None,
    metrics: Sequence[Metric],
) -> Found:
    """Pictures against real ones that are no part of a run's data; the floor is one half of these against
    the other.

    Args:
        label: of each real picture, where the folder has classes.
        metrics: by which; copies are counted whatever they are.

    Raises:
        Unmeasurable: there are too few pictures for any.
    """
    # Names may alternate (left and right, day and night), and in the mixed order the classes take turns:
    # every second picture would be of every second class.  Any stretch of that order is fair.
    order, middle = torch.from_numpy(mixed(len(real), label)), -(-len(real) // 2)
    halves = real[order[:middle]], real[order[middle:]]

    def keys(seen: Seen) -> Tensor:
        return hashes(seen.features)

    classes = chosen.classes if chosen else ()
    made_noise = noise(chosen, array, len(made))
    return beside_real(metrics, real, made, halves, made_noise, keys, Evidence(array=array, classes=classes))


def beside_real(
    metrics: Sequence[Metric],
    real: Seen,
    made: Seen,
    halves: tuple[Seen, Seen],
    noise_: Seen,
    keys: Callable[[Seen], Tensor],
    about: Evidence | None = None,
) -> Found:
    """Samples, one half of the real examples and noise, beside real ones; and copies among them.

    Args:
        about: what examples are, and what the probabilities of features are of, where that is known.

    Raises:
        Unmeasurable: there are too few for any metric.
    """
    refused: list[Unmeasurable] = []
    known = about or Evidence()
    evidence = replace(known, generated=made, real=real)
    model = measured(metrics, evidence, refused)
    if refused and not model:
        raise refused[0]

    def of(generated: Seen, others: Seen) -> Evidence:
        return replace(known, generated=generated, real=others, intervals=False)

    floor = beside(metrics, "floor", evidence, lambda: of(halves[0], halves[1]))
    ceiling = beside(metrics, "ceiling", evidence, lambda: of(noise_, real))
    model += copies(keys(made), keys(real))
    floor += copies(keys(halves[0]), keys(halves[1]))
    return Found(model, floor, ceiling, reasons(refused), noted(model))


def noted(model: Sequence[Measure]) -> dict[str, str]:
    """What is to be said of samples that are copies."""
    copied = next(measure for measure in model if measure.metric == "exact_copies")
    return {"exact_copies": COPIED.format(int(copied.value), copied.n)} if copied.value else {}


def digest_of(features: Features) -> str:
    """SHA-256 of the contents of pictures, whatever their order and names."""
    return hashlib.sha256(hashes(features).sort().values.numpy().tobytes()).hexdigest()
