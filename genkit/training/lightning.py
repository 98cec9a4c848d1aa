"""What is known of Lightning's inside: everything that its documentation does not promise, in one place.

Tried with pytorch-lightning 2.6; who raises its version reads this file.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.profilers import PassThroughProfiler
from pytorch_lightning.utilities import rank_zero_only

from genkit.core.training_step import Updates

# Lightning asks for it at every step, and to find it takes longer than to be told.
vars(Updates)["training_step"].__signature__ = inspect.signature(Updates.training_step)


class Unprofiled(PassThroughProfiler):
    """Lightning times some ninety actions a step; contexts that do nothing, made anew, cost 0.1 ms of it."""

    _nothing = contextlib.nullcontext()

    def profile(self, action_name: str) -> Any:
        return self._nothing


def take_rank(rank: int) -> None:
    """Say which process this is: Lightning has it from the environment, as that was at its import."""
    setattr(rank_zero_only, "rank", rank)  # noqa: B010


def leave_signals(trainer: pl.Trainer) -> None:
    """Take no handlers of Lightning's: they wait for the other processes, which may have got no signal.

    Nor let every step ask the first process whether it got one, for which all wait, and each for its GPU.
    """
    connector: Any = trainer._signal_connector
    connector.register_signal_handlers = lambda: None
    loop: Any = trainer.fit_loop.epoch_loop
    loop._broadcast_sigterm_tensor = lambda: None


def stand_at(trainer: pl.Trainer, step: int) -> None:
    """Count as after so many steps: global_step, the rhythm of validation and the step of a logged term."""
    loop = trainer.fit_loop.epoch_loop
    counter = loop.manual_optimization.optim_step_progress.total
    counter.ready = counter.completed = step
    batches: Any = loop.batch_progress.total
    batches.ready = batches.started = batches.processed = batches.completed = step
    loop._batches_that_stepped = step


def validate(trainer: pl.Trainer) -> None:
    """Validate now, within a training."""
    trainer.validating = True
    trainer.fit_loop.epoch_loop.val_loop.run()
    trainer.training = True
