"""How to train: everything about an optimisation that is not the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genkit.core.budget import Budget


@dataclass
class TrainingPlan:
    """How to train: everything about an optimisation that is not the model.

    Attributes:
        optim: the settings of the group `optim`; a key with a phase's name overrides them for that phase.
        seed: of the noise, the order of the data and the dropout.
        budget: what is to be spent.
        total_steps: the budget in steps; None where only the clock can tell.
        accumulate: micro-batches that one batch is processed in; a step is always one whole update.
        epoch_steps: batches in an epoch of the data; 0: unknown, or less than one.
        fused: fused optimiser kernels; they hide the unscaled gradient under fp16, so not there.
    """

    optim: Mapping[str, Any]
    seed: int = 0
    budget: Budget = field(default_factory=lambda: Budget("steps", 1))
    total_steps: int | None = 1
    accumulate: int = 1
    epoch_steps: int = 0
    fused: bool = True
    seconds_before: float = 0.0  # of steps, in earlier parts of a resumed training
    wall_seconds_before: float = 0.0  # of those parts as a whole

    def settings(self, phase: str) -> dict[str, Any]:
        """The optimiser settings of one phase: its own where given, else the common ones."""
        common = {k: v for k, v in self.optim.items() if not isinstance(v, Mapping)}
        own = {k: v for k, v in (self.optim.get(phase) or {}).items() if v is not None}
        return {**common, **own, "fused": self.fused}
