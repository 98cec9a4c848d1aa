"""What a run cost: counted from its model and configuration, read from its record, timed while drawing."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import torch

from genkit.evaluation.codec_costs import codec_costs, hardware_of, together
from genkit.evaluation.step_costs import OPERATIONS, flops_per_step
from genkit.evaluation.subject import Found, Subject
from genkit.inference.models import build_module
from genkit.metrics.cost import Costs
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Evidence
from genkit.metrics.of_runs import OF_CODECS
from genkit.metrics.panel import measured
from genkit.runs import checkpoints
from genkit.runs.rows import missing

DRAWN = 64


def costs(subject: Subject, checkpoint: Path, metrics: Sequence[Metric]) -> Found:
    """Of the training up to a checkpoint, that of its codec included, and of drawing, by these metrics."""
    if not subject.drawn:
        for _ in subject.samples(DRAWN):
            pass
    saved = checkpoints.load(checkpoint, trainer=True)
    batch_size = subject.cfg.batch_size
    fresh = build_module(subject.cfg.model, subject.dataset.spec)
    a_step = flops_per_step(fresh, subject.dataset.split("train"), batch_size, subject.cfg.plain["optim"])
    found = {
        "parameters": sum(p.numel() for p in subject.module.parameters()),
        "training_steps": saved.step,
        "training_examples": saved.step * batch_size,
        "training_flops": a_step * saved.step,
        "training_seconds": float(saved.trainer["seconds"]),
        "samples_per_second": subject.drawn / subject.seconds,
    }
    absent = []
    if memory := subject.record.peak_memory:
        found["training_memory"] = float(memory)
    else:
        absent.append(missing("training_memory", "bytes", "none: the run did not record it"))
    about = {
        "trained_on": hardware_of(subject.record),
        "drawn_on": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "operations": OPERATIONS,
    }
    notes: dict[str, str] = {}
    if (codec := codec_costs(checkpoint.parents[1], subject.dataset)) is not None:
        found, notes = together(codec, found)
        if codec.trained_on != about["trained_on"]:
            about["codec_trained_on"] = codec.trained_on
    else:
        asked = [m for m in metrics if m.name in OF_CODECS and m.name in (subject.settings.metrics or ())]
        absent += [missing(m.name, m.unit, "none: the run reads no codes") for m in asked]
    timed = str(saved.trainer["charged"])
    evidence = Evidence(costs=Costs(found, about, subject.drawn, timed))
    return Found(measured(metrics, evidence), missing=absent, notes=notes)
