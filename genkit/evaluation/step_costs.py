"""Operations of a training step, counted as they are done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext
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
from genkit.data.loading import Gather

COUNTED = 4  # examples that operations are counted for; the count is proportional to their number
OPERATIONS = "products of matrices, convolutions and attention, of losses, their gradients and the optimiser"


def flops_per_step(
    module: GenerativeModule, examples: Examples, batch_size: int, optim: Mapping[str, object]
) -> float:
    """Operations of one training step, every phase by how often it is due.

    Args:
        module: of no further use afterwards: its optimisers have moved it.
        optim: the group `optim`; what an optimiser multiplies does not depend on the size of the batch.
    """
    rows = range(min(COUNTED, len(examples)))
    batch = module.prepare(Gather(examples, torch.device("cpu"))(np.arange(len(rows)), rows))
    losses, optimisers = 0.0, 0.0
    for phase, count in zip(module.phases(), flops_per_phase(module, batch), strict=True):
        losses += count
        settings = TrainingPlan(optim=optim).settings(phase.name)
        with counting() as counter:  # over the gradients that the loss has left
            build_optimizer(phase, settings).step()
        optimisers += counter.get_total_flops() / phase.every
    return losses / len(batch) * batch_size + optimisers


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
    mapping = {**_attention(), torch.ops.mkldnn._linear_pointwise: _product}
    counter = FlopCounterMode(display=False, custom_mapping=mapping)
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


def _product(x: Size, weight: Size, *args: Any, **rest: Any) -> int:
    """oneDNN's product of rows with a matrix."""
    return 2 * math.prod(x) * weight[0]


def _forward(query: Size, key: Size, value: Size, *args: Any, **rest: Any) -> int:
    """Two products: of queries with keys, of their weights with values."""
    return int(sdpa_flop_count(query, key, value))


def _backward(gradient: Size, query: Size, key: Size, value: Size, *args: Any, **rest: Any) -> int:
    """A gradient of either product by either of its factors."""
    return int(2 * sdpa_flop_count(query, key, value))


class _Everywhere(nullcontext[None]):
    """The counter's tracker of modules, without the modules: it cannot follow a gradient's gradient."""

    parents = frozenset({"Global"})
