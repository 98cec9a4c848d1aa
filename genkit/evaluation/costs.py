"""What a run cost: counted from its model and configuration, read from its record, timed while drawing."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from genkit.core.batch import Batch
from genkit.core.module import GenerativeModule
from genkit.core.optim.optimisers import build_optimizer
from genkit.core.phase import StepNoise, training_only
from genkit.core.plan import TrainingPlan
from genkit.data.dataset import Examples
from genkit.evaluation.subject import Found, Subject
from genkit.inference.models import build_module
from genkit.metrics.cost import Costs
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Evidence
from genkit.metrics.panel import measured
from genkit.runs import checkpoints
from genkit.runs.rows import missing

COUNTED = 4  # examples that operations are counted for; the count is proportional to their number
DRAWN = 64
OPERATIONS = "products of matrices, convolutions and attention, of losses, their gradients and the optimiser"


def costs(subject: Subject, checkpoint: Path, metrics: Sequence[Metric]) -> Found:
    """Of the training up to a checkpoint, and of drawing, by these metrics."""
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
    hardware = subject.record.provenance.hardware if subject.record.provenance else {}
    about = {
        "trained_on": f"{hardware.get('machine', '?')}, {hardware.get('cores', '?')} cores",
        "drawn_on": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "operations": OPERATIONS,
    }
    timed = str(saved.trainer["charged"])
    evidence = Evidence(costs=Costs(found, about, subject.drawn, timed))
    return Found(measured(metrics, evidence), missing=absent)


def flops_per_step(
    module: GenerativeModule, examples: Examples, batch_size: int, optim: Mapping[str, object]
) -> float:
    """Operations of one training step, every phase by how often it is due.

    Args:
        module: of no further use afterwards: its optimisers have moved it.
        optim: the group `optim`; what an optimiser multiplies does not depend on the size of the batch.
    """
    data, labels, weight = examples.gather(np.arange(min(COUNTED, len(examples))))
    rows = range(len(data))
    tensors = [None if a is None else torch.from_numpy(a) for a in (labels, weight)]
    batch = module.prepare(Batch(torch.from_numpy(data), rows, *tensors))
    losses, optimisers = 0.0, 0.0
    for phase, count in zip(module.phases(), flops_per_phase(module, batch), strict=True):
        losses += count
        settings = TrainingPlan(optim=optim).settings(phase.name)
        with counting() as counter:  # over the gradients that the loss has left
            build_optimizer(phase, settings).step()
        optimisers += counter.get_total_flops() / phase.every
    return losses / len(data) * batch_size + optimisers


def flops_per_phase(module: GenerativeModule, batch: Batch) -> list[float]:
    """Operations of a step's phases on a batch, forward and backward, each by how often it is due."""
    module.train()
    phases = module.phases()
    noise = StepNoise(0, batch.rows, step=0)
    noise.parameters = tuple(p for phase in phases for p in phase.parameters)
    found = []
    for phase in phases:
        with training_only(phase, phases), counting() as counter:
            phase.loss(batch, noise).total.backward()
        found.append(counter.get_total_flops() / phase.every)
    return found


def counting() -> FlopCounterMode:
    """torch's counter, which also counts every fused kernel of attention, by what attention is.

    torch counts some kernels and takes others for nothing, the CPU's among them; and what a kernel computes
    anew to spare memory is its own affair: the same model costs the same, whatever computes it.
    """
    counter = FlopCounterMode(display=False, custom_mapping=_attention())
    vars(counter)["mod_tracker"] = _Everywhere()
    return counter


def _attention() -> dict[Any, Any]:
    """The count of every fused attention and its gradient."""
    found: dict[Any, Any] = {}
    for kernel in KERNELS:
        name = f"_scaled_dot_product_{kernel}"
        found[getattr(torch.ops.aten, name)] = _forward
        found[getattr(torch.ops.aten, f"{name}_backward")] = _backward
    return found


KERNELS = (
    "cudnn_attention",
    "efficient_attention",
    "flash_attention",
    "flash_attention_for_cpu",
    "fused_attention_overrideable",
)
Size = tuple[int, ...]


def _forward(query: Size, key: Size, value: Size, *args: Any, **rest: Any) -> int:
    """Two products: of queries with keys, of their weights with values."""
    return int(sdpa_flop_count(query, key, value))


def _backward(gradient: Size, query: Size, key: Size, value: Size, *args: Any, **rest: Any) -> int:
    """A gradient of either product by either of its factors."""
    return int(2 * sdpa_flop_count(query, key, value))


class _Everywhere(nullcontext[None]):
    """The counter's tracker of modules, without the modules: it cannot follow a gradient's gradient."""

    parents = frozenset({"Global"})
