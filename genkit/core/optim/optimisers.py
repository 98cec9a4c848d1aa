"""Optimisers by registered name and plain values.

A saved run therefore rebuilds its optimisers without executing anything that it contains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from genkit.core.optim.muon import Muon
from genkit.core.phase import Phase
from genkit.system.errors import ConfigError, nearest

Settings = Mapping[str, Any]


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
