"""Samples beside real examples that are no part of a run's data: with a floor, a ceiling and copies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from genkit.core.spec import ArraySpec
from genkit.data.splits import mixed
from genkit.evaluation.array_quality import lacking, noise
from genkit.evaluation.subject import Found, reasons
from genkit.metrics.catalogue import OF_A_RUN, catalogue, offers
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Evidence, Seen
from genkit.metrics.extractors import Extractor
from genkit.metrics.features import Features, collect
from genkit.metrics.measure import Measure
from genkit.metrics.memorisation import copies, hashes
from genkit.metrics.panel import beside, measured
from genkit.system.errors import Unmeasurable
from genkit.system.progress import followed

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


def folders_judged(
    real: Seen,
    fake: Seen,
    chosen: Extractor | None,
    array: ArraySpec,
    label: np.ndarray | None,
    said: Sequence[str],
    say: Callable[[str], None],
) -> tuple[Found, str, str]:
    """One folder against another by all that fits them, and digests of the contents of both.

    Args:
        label: of each real example, where the folder has classes.
        said: what is to be told of them, once all are read.
    """
    digests = [digest_of(seen.features) for seen in (real, fake)]  # all are read before a word is said
    for line in said:
        say(f"{line}.")
    there = offers(array.medium) - OF_A_RUN - {"process"} - lacking(chosen, array, fake.asked)
    metrics = [metric for metric in catalogue().chosen(None, array.medium) if there.issuperset(metric.needs)]
    return judged_by(real, fake, chosen, array, label, metrics), digests[0], digests[1]


def seen_batches(
    word: str,
    count: int,
    batches: Callable[[], Iterator[Tensor]],
    asked: Callable[[], Sequence[str]],
    chosen: Extractor | None,
) -> Seen:
    """What a folder holds as metrics see it; how far an extractor is with it is shown.

    Args:
        word: by which the folder is given.
        batches: all of it, from the beginning at each call.
        asked: the class of each.
    """

    def features() -> Features:
        return collect(chosen, followed(f"measuring {word}=", batches(), count))

    return Seen(features, lambda: torch.cat(list(batches())), asked=asked)


def noted(model: Sequence[Measure]) -> dict[str, str]:
    """What is to be said of samples that are copies."""
    copied = next(measure for measure in model if measure.metric == "exact_copies")
    return {"exact_copies": COPIED.format(int(copied.value), copied.n)} if copied.value else {}


def digest_of(features: Features) -> str:
    """SHA-256 of the contents of pictures, whatever their order and names."""
    return hashlib.sha256(hashes(features).sort().values.numpy().tobytes()).hexdigest()
