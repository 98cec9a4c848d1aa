"""How long to train: one number in one unit, read as progress from 0 to 1.  Nothing here imports torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from genkit.core.media.medium import Medium
from genkit.system.errors import ConfigError

UNITS = ("steps", "epochs", "examples", "tokens", "seconds")


def check_unit(unit: str, medium: Medium, data: str) -> None:
    """See that the examples of a dataset can be counted in a unit.

    Raises:
        ConfigError: their medium is not counted so: in tokens, where some families make some and others none.
    """
    if unit in UNITS and unit not in medium.budgets:
        raise ConfigError(
            f"budget.{unit} is for texts, and data={data} is of {medium.many}, of which some families make"
            f" {unit} and others none: give budget.examples, which counts alike for all."
        )


class Size(NamedTuple):
    """Of a training set: its examples, and the tokens that are predicted in one of them where it is text."""

    examples: int
    tokens: int = 1


@dataclass(frozen=True)
class Budget:
    """`amount` steps, epochs (passes over the training set), examples, tokens of texts, or steps' seconds."""

    unit: str
    amount: float

    def __post_init__(self) -> None:
        if self.unit not in UNITS or not self.amount > 0:
            raise ValueError(f"a budget is a positive number of {', '.join(UNITS)}")

    def steps(self, batch_size: int, size: Size) -> int | None:
        """Training steps of the whole budget; None where only the clock can tell.

        Args:
            batch_size: of the global batch.
            size: of the training set; an epoch is its whole batches, or less than one of a short text.
        """
        if self.unit == "seconds":
            return None
        per_epoch = size.examples // batch_size or size.examples / batch_size
        steps = {
            "steps": self.amount,
            "epochs": self.amount * per_epoch,
            "examples": self.amount / batch_size,
            "tokens": self.amount / (batch_size * size.tokens),
        }
        return max(1, math.ceil(steps[self.unit] - 1e-9))

    def progress(self, step: int, total_steps: int | None, seconds: float) -> float:
        """The spent share of the budget, in [0, 1]."""
        spent = seconds / self.amount if total_steps is None else step / total_steps
        return min(1.0, spent)
