"""What a model makes of held-out examples in the classes that they do not have, beside the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.data.dataset import Examples
from genkit.data.loading import Gather
from genkit.data.real import motifs_of, same, unchanged
from genkit.evaluation.subject import Found, Subject, reasons
from genkit.inference.verbs import check_restyling, restyle
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Evidence
from genkit.metrics.panel import beside, measured
from genkit.metrics.restyling import Restylings
from genkit.runs.rows import missing
from genkit.system.errors import ConfigError, Unmeasurable


def restyled(subject: Subject, metrics: Sequence[Metric]) -> Found:
    """Of all examples of the part that judges; a model that cannot restyle is a row with the reason."""
    try:
        check_restyling(subject.module)
    except ConfigError as error:
        why = str(error).rstrip(".")
        return Found(missing=[missing(metric.name, metric.unit, f"none: {why}") for metric in metrics])
    with subject.module.weights(subject.settings.weights):
        evidence = Evidence(restylings=_restylings(subject))
    refused: list[Unmeasurable] = []
    model = measured(metrics, evidence, refused)
    ceiling = beside(metrics, "ceiling", evidence, lambda: evidence)
    return Found(model, ceiling=ceiling, missing=reasons(refused))


def _restylings(subject: Subject) -> Restylings:
    """Each example drawn anew in every class in which its motif is known, but its own."""
    dataset, size = subject.dataset, subject.settings.batch_size
    parts = [unchanged(subject.examples)]  # the part that judges comes first
    for examples in map(unchanged, dataset.splits.values()):
        if not any(same(examples, other) for other in parts):
            parts.append(examples)
    known = [batch for part in parts for batch in _read(subject, part, size)]
    motifs = np.concatenate([own for part in parts if (own := motifs_of(part)) is not None])
    classes = torch.cat([batch.labels.cpu() for batch in known if batch.labels is not None])
    place = {pair: i for i, pair in enumerate(zip(motifs.tolist(), classes.tolist(), strict=True))}
    given, wanted = [], []
    for i in range(len(parts[0])):
        for label in range(len(subject.module.spec.classes)):
            other = place.get((int(motifs[i]), label))
            if other is not None and label != int(classes[i]):
                given.append(i)
                wanted.append(other)
    made = _made(subject, Batch.joined(known, range(len(motifs))), given, classes[wanted])
    about = {"judged": f"nearest of {len(motifs):,} examples by squared error"}
    return Restylings(
        made,
        torch.tensor(given),
        torch.tensor(wanted),
        torch.cat([batch.data.cpu() for batch in known]),
        torch.from_numpy(motifs),
        classes,
        about,
    )


def _read(subject: Subject, examples: Examples, size: int) -> list[Batch]:
    module, rows = subject.module, np.arange(len(examples))
    gather = Gather(examples, module.device)
    parts = np.split(rows, rows[size::size])
    return [module.as_arrays(gather(part, range(int(part[0]), int(part[-1]) + 1))) for part in parts]


def _made(subject: Subject, whole: Batch, given: Sequence[int], labels: Tensor) -> Tensor:
    """Examples by their numbers, each drawn anew in a class."""
    size, device = subject.settings.batch_size, subject.module.device
    assert whole.labels is not None
    found = []
    for rows, asked in zip(torch.tensor(given).split(size), labels.split(size), strict=True):
        batch = Batch(whole.data[rows], range(len(rows)), whole.labels[rows])
        found.append(restyle(subject.module, batch, asked.to(device)).clamp(0, 1).cpu())
    return torch.cat(found)
