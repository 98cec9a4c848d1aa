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

from genkit.core.errors import ConfigError, nearest

Build = Callable[[list[dict[str, Any]], Mapping[str, Any]], Optimizer]


def decay_groups(parameters: Sequence[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels, none for biases, gains and other vectors (as GPT-2 trains)."""
    matrices = [p for p in parameters if p.ndim >= 2]
    vectors = [p for p in parameters if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _adam(kind: type[Optimizer]) -> Build:
    def build(groups: list[dict[str, Any]], settings: Mapping[str, Any]) -> Optimizer:
        return kind(
            groups,
            lr=settings["lr"],
            betas=tuple(settings["betas"]),
            eps=settings["eps"],
            fused=settings["fused"],
        )  # type: ignore[call-arg]

    return build


def _sgd(groups: list[dict[str, Any]], settings: Mapping[str, Any]) -> Optimizer:
    return torch.optim.SGD(
        groups, lr=settings["lr"], momentum=settings["momentum"], nesterov=settings["momentum"] > 0
    )


OPTIMISERS: dict[str, Build] = {
    "adam": _adam(torch.optim.Adam),
    "adamw": _adam(torch.optim.AdamW),
    "sgd": _sgd,
}


def build_optimizer(parameters: Sequence[nn.Parameter], settings: Mapping[str, Any]) -> Optimizer:
    """The optimiser that `settings["name"]` registers, over decay and no-decay groups.

    Raises:
        ConfigError: no such optimiser.
    """
    name = settings["name"]
    if name not in OPTIMISERS:
        raise ConfigError(f"optim.name={name} is not an optimiser.{nearest(name, OPTIMISERS)}")
    optimizer = OPTIMISERS[name](decay_groups(parameters, settings["weight_decay"]), settings)
    for group in optimizer.param_groups:
        group["base_lr"] = group["lr"]
    return optimizer


def schedule_factor(settings: Mapping[str, Any], step: int, progress: float) -> float:
    """What the learning rate of this step is multiplied with.

    A linear warm-up over `warmup` steps, then `schedule` over the budget's progress: `constant`, `linear` or
    `cosine`, the last two falling to `final` of the full rate at the end of the budget.

    Args:
        step: from 0.
        progress: the spent share of the budget, in [0, 1].
    """
    if step < settings["warmup"]:
        return (step + 1) / (settings["warmup"] + 1)
    final, schedule = settings["final"], settings["schedule"]
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1.0 - (1.0 - final) * progress
    if schedule == "cosine":
        return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))
    raise ConfigError(
        f"optim.schedule={schedule} is not a schedule.{nearest(schedule, ('constant', 'linear', 'cosine'))}"
    )
