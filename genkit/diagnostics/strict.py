"""`strict=true`: a training that has become worthless ends, and is no result."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from genkit.core.module import GenerativeModule, ours
from genkit.core.rule import ERROR
from genkit.diagnostics.findings import Finding
from genkit.diagnostics.health import Health, read
from genkit.runs import Run
from genkit.system.errors import Unsound


class Strict(Callback):
    """Ends a training that has become worthless, at its validation, once that is saved.

    Args:
        health: whose findings count; its callback stands before this one.
        save: writes a checkpoint.

    Raises:
        Unsound: a finding of severity error stands.
    """

    def __init__(self, health: Health, save: Callable[[pl.Trainer, GenerativeModule], None]) -> None:
        self.health, self.save = health, save

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = ours(pl_module)
        found = self.health.found(module)
        if trainer.strategy.broadcast(unsound(found) is not None):
            self.save(trainer, module)
        _refuse(trainer, found)


class SoundPlan(Callback):
    """Refuses a plan that cannot come to anything, before anything is written.

    Raises:
        Unsound: a finding of severity error.
    """

    def __init__(self, health: Health) -> None:
        self.health = health

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = ours(pl_module)
        _refuse(trainer, self.health.planned(module))


def _refuse(trainer: pl.Trainer, found: Sequence[Finding]) -> None:
    """All processes end by what the first one has found."""
    if said := trainer.strategy.broadcast(str(unsound(found) or "")):
        raise Unsound(f"strict=true: {said}")


def unsound(found: Sequence[Finding]) -> Finding | None:
    """The first finding that makes the result worthless as it stands."""
    return next((f for f in found if f.severity == ERROR and f.until is None), None)


def refuse_unsound(run: Run) -> None:
    """See that a run which is not trained any more is not worthless.

    Raises:
        Unsound: a finding of severity error stands in its file.
    """
    for said in read(run, "findings"):
        if said.get("severity") == ERROR and said.get("until") is None:
            raise Unsound(f"strict=true: {said.get('code')} at step {said.get('step')}. {said.get('advice')}")
