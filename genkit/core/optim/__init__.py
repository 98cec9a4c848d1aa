"""Optimisers and learning-rate schedules by registered name and plain values.

A saved run therefore rebuilds its optimisers without executing anything that it contains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from genkit.core.optim.muon import Muon
from genkit.core.phase import Phase
from genkit.system.errors import ConfigError, nearest

Settings = Mapping[str, Any]
SCHEDULES = ("constant", "linear", "cosine", "wsd")


def decay_groups(parameters: Sequence[nn.Parameter], weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices and kernels, none for biases, gains and other vectors (as GPT-2 trains)."""
    matrices = [p for p in parameters if p.ndim >= 2]
    vectors = [p for p in parameters if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _adam(kind: type[torch.optim.Adam]) -> Callable[[Phase, Settings], Optimizer]:
    def build(phase: Phase, settings: Settings) -> Optimizer:
        return kind(
            decay_groups(phase.parameters, settings["weight_decay"]),
            lr=settings["lr"],
            betas=tuple(settings["betas"]),
            eps=settings["eps"],
            fused=settings["fused"],
        )

    return build


def _sgd(phase: Phase, settings: Settings) -> Optimizer:
    groups = decay_groups(phase.parameters, settings["weight_decay"])
    momentum = settings["momentum"]
    return torch.optim.SGD(groups, lr=settings["lr"], momentum=momentum, nesterov=momentum > 0)


def _muon(phase: Phase, settings: Settings) -> Optimizer:
    if not phase.matrices:
        raise ConfigError(
            f"optim=muon: phase {phase.name} has no hidden matrices to orthogonalise; choose optim=adam."
        )
    hidden = set(phase.matrices)
    return Muon(
        phase.matrices,
        decay_groups([p for p in phase.parameters if p not in hidden], 0.0),
        lr=settings["lr"],
        momentum=settings["momentum"],
        weight_decay=settings["weight_decay"],
        adam_lr=settings["adam_lr"],
        betas=tuple(settings["betas"]),
        eps=settings["eps"],
        fused=settings["fused"],
    )


OPTIMISERS: dict[str, Callable[[Phase, Settings], Optimizer]] = {
    "adam": _adam(torch.optim.Adam),
    "adamw": _adam(torch.optim.AdamW),
    "muon": _muon,
    "sgd": _sgd,
}


def build_optimizer(phase: Phase, settings: Settings) -> Optimizer:
    """The optimiser that `settings["name"]` registers, over the parameters of a phase.

    Raises:
        ConfigError: no such optimiser, or one that this phase cannot use.
    """
    name = settings["name"]
    if name not in OPTIMISERS:
        raise ConfigError(f"optim.name={name} is not an optimiser.{nearest(name, OPTIMISERS)}")
    optimizer = OPTIMISERS[name](phase, settings)
    for group in optimizer.param_groups:
        group["base_lr"] = group["lr"]
    if all(p.device.type == "cpu" for p in phase.parameters):
        _skip_graph_check(optimizer)
    return optimizer


def _skip_graph_check(optimizer: Optimizer) -> None:
    """torch asks the GPU's driver at every step whether a graph is being captured, which on a machine without
    a GPU is loading a library that is not there: 0.2 ms."""
    if hasattr(optimizer, "_accelerator_graph_capture_health_check"):
        vars(optimizer)["_accelerator_graph_capture_health_check"] = lambda: None


def schedule_factor(settings: Settings, step: int, total_steps: int | None, progress: float) -> float:
    """What the learning rates of this step are multiplied with.

    A linear warm-up over `warmup` steps, then `schedule` over the rest of the budget: `constant`; `linear`
    and `cosine`, which fall to `final` of the full rate at the end; `wsd` (warm-up, stable, decay: Hu et al.
    2024), which falls linearly to `final` during the last `cooldown` share of the budget.

    Args:
        step: from 0.
        total_steps: of the budget, where it can be told in steps.
        progress: the spent share of the budget, in [0, 1].
    """
    if step < settings["warmup"]:
        return float((step + 1) / (settings["warmup"] + 1))
    final, schedule = float(settings["final"]), settings["schedule"]
    warm = min(1.0, settings["warmup"] / total_steps) if total_steps else 0.0
    rest = (progress - warm) / (1.0 - warm) if progress < 1 else 1.0  # share of what follows the warm-up
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1.0 - (1.0 - final) * rest
    if schedule == "cosine":
        return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * rest))
    if schedule == "wsd":
        falling = max(0.0, 1.0 - (1.0 - progress) / float(settings["cooldown"]))
        return 1.0 - (1.0 - final) * falling
    raise ConfigError(f"optim.schedule={schedule} is not a schedule.{nearest(schedule, SCHEDULES)}")
