"""What watches a training, whatever its family: budget, patience, samples, history, progress."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import callbacks
from pytorch_lightning.callbacks import Callback, RichProgressBar
from rich.console import Console
from torch import Tensor

from genkit.core.module import ours
from genkit.data.dataset import Examples
from genkit.inference.held_out import sample_held_out
from genkit.runs import Run
from genkit.training.agreement import Agreement
from genkit.training.loggers import ShowsSamples


def plain_terms(terms: Mapping[str, Tensor | float]) -> dict[str, float]:
    """Loss terms as numbers, keys of at most one slash."""
    return {name: float(value) for name, value in terms.items()}


def validated(trainer: pl.Trainer) -> dict[str, float]:
    """What the last validation found: scores (`val/`) and measurements (`health/`)."""
    return {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith(("val/", "health/"))}


class BudgetStop(Callback):
    """Ends the training when the budget is spent; the trainer then validates once more."""

    def __init__(self, total_steps: int | None, seconds: float | None) -> None:
        self.total_steps, self.seconds = total_steps, seconds
        self._spent = Agreement()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A resumed training may have nothing left but its last validation."""
        module = ours(pl_module)
        if self.total_steps is not None:
            spent = trainer.global_step >= self.total_steps
        else:
            spent = module.plan.seconds_before >= (self.seconds or 0)
        if spent:
            trainer.should_stop = True

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any, **more: Any
    ) -> None:
        module = ours(pl_module)
        if self.total_steps is not None:
            spent = trainer.global_step >= self.total_steps
        else:  # the clocks of two processes differ: the first one's counts, in microseconds
            own = math.ceil(module.clock.seconds * 1e6) if trainer.is_global_zero else 0
            module.clock.agreed = max(module.clock.agreed, self._spent.late(own) / 1e6)
            spent = module.clock.agreed >= (self.seconds or 0)
        if spent:
            trainer.should_stop = True

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._spent.settle()


class EarlyStopping(callbacks.EarlyStopping):
    """Lightning's, whose decision to stop outlives the process that made it.

    A training that goes on where it had stopped stops again, unless its patience has been raised since.
    """

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class SampleWriter(Callback):
    """Draws the same samples (seed 0) at each validation, writes them into the run's folder and shows them on
    boards; of a model that reads captions, what the first of these examples are."""

    def __init__(self, run: Run, n: int, every: int | None, examples: Examples | None = None) -> None:
        self.run, self.n, self.every, self.examples = run, n, every, examples

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = ours(pl_module)
        due = self.every is None or trainer.global_step % self.every == 0 or trainer.should_stop
        if trainer.is_global_zero and due and self.n:
            if self.examples is None:
                samples = module.sample(self.n, seed=0)
            else:
                samples = sample_held_out(module, self.n, self.examples)
            for suffix in module.spec.medium.keeps:
                samples.save(self.run.samples / f"step-{trainer.global_step}{suffix}")
            for logger in trainer.loggers:
                if isinstance(logger, ShowsSamples):
                    logger.log_samples(samples, trainer.global_step)


class History(Callback):
    """Sends loggers the settings, and the terms of the last step every `every` steps and at validations.

    Args:
        settings: what is trained with, as plain values.
    """

    def __init__(self, every: int, batch_size: int, settings: Mapping[str, object] | None = None) -> None:
        self.every, self.batch_size, self.settings = every, batch_size, settings or {}
        self._phases: list[str] = []
        self._since: tuple[float, int] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = ours(pl_module)
        self._phases = [phase.name for phase in module.phases()]
        for logger in trainer.loggers:
            logger.log_hyperparams(dict(self.settings))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any, **more: Any
    ) -> None:
        module = ours(pl_module)
        step = trainer.global_step
        if step % self.every and not trainer.should_stop:
            return
        terms = {f"train/{name}": value for name, value in plain_terms(module.terms).items()}
        rates = [optimizer.param_groups[0]["lr"] for optimizer in trainer.strategy.optimizers]
        terms["lr"] = rates[0]
        if len(rates) > 1:
            terms |= {f"lr/{phase}": rate for phase, rate in zip(self._phases, rates, strict=True)}
        now = time.monotonic()
        if self._since is not None and step > self._since[1]:
            rate = (step - self._since[1]) * self.batch_size / (now - self._since[0])
            terms["examples_per_second"] = rate
        self._since = (now, step)
        for logger in trainer.loggers:
            logger.log_metrics(terms, step)

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._since = None  # the rate is that of training alone


def scored(trainer: pl.Trainer) -> dict[str, float]:
    """What was validated; health, which is no score, stays away."""
    return {name: value for name, value in validated(trainer).items() if name.startswith("val/")}


class Progress(RichProgressBar):
    """Lightning's bar with as many of the family's own terms as stand on its line."""

    BAR = 64  # columns that the bar itself takes, with counts, times and rate
    PAUSE = 0.5  # seconds between two readings of the terms, which wait for the device
    _read = -math.inf

    def _update_metrics(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if (now := time.monotonic()) - self._read >= self.PAUSE:
            self._read = now
            super()._update_metrics(trainer, module)

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._read = -math.inf  # what was validated is shown at once
        super().on_validation_end(trainer, module)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._read = -math.inf
        super().on_train_epoch_end(trainer, module)

    def _get_train_description(self, current_epoch: int) -> str:
        return "training"  # the stream of batches is one epoch to Lightning, whatever it is of the data

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """The validated terms before those of the step."""
        module = ours(pl_module)
        terms = plain_terms(module.terms)
        scores = scored(trainer)
        room = (self._console.width if self._console is not None else 80) - self.BAR
        shown: dict[str, str] = {}
        for name, value in {**scores, **terms}.items():
            shown[name] = f"{value:.4g}"
            room -= len(f"{name}: {shown[name]} ")
            if room < 0 and len(shown) > 1:
                del shown[name]
                break
        return shown


class Lines(Callback):
    """One line a validation, for notebooks and terminals without a bar, and for log files."""

    def __init__(self, console: Console, total_steps: int | None) -> None:
        self.console, self.total_steps = console, total_steps

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = ours(pl_module)
        if trainer.is_global_zero:
            terms = {**plain_terms(module.terms), **scored(trainer)}
            shown = "  ".join(f"{k} {v:.4f}" for k, v in terms.items())
            of = f"/{self.total_steps}" if self.total_steps else ""
            self.console.print(f"step {trainer.global_step}{of}  {shown}  ({module.clock.seconds:.1f} s)")
