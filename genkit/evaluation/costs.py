"""What a run cost: counted from its model and configuration, read from its record, timed while drawing."""

from __future__ import annotations

import os
import platform
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from genkit import checkpoints
from genkit.core.batch import Batch
from genkit.core.module import GenerativeModule
from genkit.core.phase import StepNoise, training_only
from genkit.data.dataset import Examples
from genkit.evaluation.subject import Found, Subject
from genkit.metrics.cost import cost_measures
from genkit.rows import missing
from genkit.sampling import build_module

COUNTED = 4  # examples that operations are counted for; the count is proportional to their number
DRAWN = 64


def costs(subject: Subject, checkpoint: Path) -> Found:
    """Of the training up to a checkpoint, and of drawing."""
    if not subject.drawn:
        for _ in subject.samples(DRAWN):
            pass
    saved = checkpoints.load(checkpoint, trainer=True)
    batch_size = int(subject.cfg["batch_size"])
    fresh = build_module(subject.cfg["model"], subject.dataset.spec)
    per_example = flops_per_example(fresh, subject.dataset.split("train"))
    found = {
        "parameters": sum(p.numel() for p in subject.module.parameters()),
        "training_steps": saved.step,
        "training_examples": saved.step * batch_size,
        "training_flops": per_example * batch_size * saved.step,
        "training_seconds": float(saved.trainer["seconds"]),
        "samples_per_second": subject.drawn / subject.seconds,
    }
    absent = []
    if memory := subject.record.get("peak_memory"):
        found["training_memory"] = float(memory)
    else:
        absent.append(missing("training_memory", "bytes", "none: the run did not record it"))
    hardware = subject.record.get("provenance", {}).get("hardware", {})
    about = {
        "trained_on": f"{hardware.get('machine', '?')}, {hardware.get('cores', '?')} cores",
        "drawn_on": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "operations": "matrix products and convolutions, by torch's FlopCounterMode",
    }
    return Found(cost_measures(found, about, subject.drawn), missing=absent)


def flops_per_example(module: GenerativeModule, examples: Examples) -> float:
    """Operations of one training step, every phase by how often it is due, for one example of its batch."""
    data, labels, weight = examples.gather(np.arange(min(COUNTED, len(examples))))
    rows = range(len(data))
    tensors = [None if a is None else torch.from_numpy(a) for a in (labels, weight)]
    batch = module.prepare(Batch(torch.from_numpy(data), rows, *tensors))
    return sum(flops_per_phase(module, batch)) / len(data)


def flops_per_phase(module: GenerativeModule, batch: Batch) -> list[float]:
    """Operations of a step's phases on a batch, forward and backward, each by how often it is due."""
    module.train()
    phases = module.phases()
    noise = StepNoise(0, batch.rows, step=0)
    noise.parameters = tuple(p for phase in phases for p in phase.parameters)
    found = []
    for phase in phases:
        counter = FlopCounterMode(display=False)
        counter.mod_tracker = _Everywhere()  # type: ignore[assignment]
        with training_only(phase, phases), counter:
            phase.loss(batch, noise).total.backward()
        found.append(counter.get_total_flops() / phase.every)
    return found


class _Everywhere(nullcontext[None]):
    """The counter's tracker of modules, without the modules: it cannot follow a gradient's gradient."""

    parents = frozenset({"Global"})
