"""What watches a training, whatever its family: budget, checkpoints, samples, history, progress."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, RichProgressBar
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console
from torch import Tensor
from torch.optim import Optimizer

from genkit import checkpoints
from genkit.checkpoints import Checkpoint
from genkit.core.module import GenerativeModule
from genkit.runs import Run


def plain_terms(terms: Mapping[str, Tensor | float]) -> dict[str, float]:
    """Loss terms as numbers, keys of at most one slash."""
    return {name: float(value) for name, value in terms.items()}


def validated(trainer: pl.Trainer) -> dict[str, float]:
    """What the last validation found: scores (`val/`) and measurements (`health/`)."""
    return {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith(("val/", "health/"))}


class Interrupted(BaseException):
    """SIGINT or SIGTERM arrived; the run is saved.  `exit_code` is the shell's for that signal."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.exit_code = 128 + signal_number


class BudgetStop(Callback):
    """Ends the training when the budget is spent; the trainer then validates once more."""

    def __init__(self, total_steps: int | None, seconds: float | None) -> None:
        self.total_steps, self.seconds = total_steps, seconds

    def on_train_batch_end(self, trainer: pl.Trainer, module: GenerativeModule, *args: Any) -> None:  # type: ignore[override]
        if self.total_steps is not None:
            spent = trainer.global_step >= self.total_steps
        else:  # the clocks of two processes differ: the first one's counts
            spent = bool(trainer.strategy.broadcast(module.seconds >= (self.seconds or 0)))
        if spent:
            trainer.should_stop = True


class Resume(Callback):
    """Puts a fresh trainer where a checkpoint was taken.

    Everything random and the order of the data are functions of the step, so the step, the weights and the
    optimisers are all there is to restore.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def on_train_start(self, trainer: pl.Trainer, module: GenerativeModule) -> None:  # type: ignore[override]
        state, step = self.checkpoint.trainer, self.checkpoint.step
        for optimizer, saved in zip(trainer.strategy.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
            lay_out_as_parameters(optimizer)
        if state["precision"]:
            trainer.precision_plugin.load_state_dict(state["precision"])
        if module.average is not None:
            module.average.load(self.checkpoint.ema)
        # Lightning derives global_step, the rhythm of validation and the step of a logged term from these.
        loop = trainer.fit_loop.epoch_loop
        counter = loop.manual_optimization.optim_step_progress.total
        counter.ready = counter.completed = step
        batches: Any = loop.batch_progress.total
        batches.ready = batches.started = batches.processed = batches.completed = step
        loop._batches_that_stepped = step


def lay_out_as_parameters(optimizer: Optimizer) -> None:
    """Give loaded moments the memory layout of their parameters.

    A file holds them in rows; the parameters of a convolution may be channels-last, and fused kernels on a
    CPU walk through both memories side by side, whatever their strides.
    """
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def peak_memory(device: torch.device) -> int | None:
    """Bytes that this process has taken at most: of a GPU's memory by tensors, else of the machine's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    # Linux counts in units of 1024 bytes, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Recorder(Callback):
    """Writes checkpoints and the run's record; saves at SIGINT and SIGTERM within one step.

    Args:
        run: the run folder.
        every: steps between checkpoints; None saves after each validation.
        keep: how many of the newest checkpoints stay, besides the best.
        select: the validation term that picks the best checkpoint, lower is better; None picks none.
        about: what each manifest says the checkpoint belongs to.
    """

    def __init__(
        self, run: Run, *, every: int | None, keep: int, select: str | None, about: Mapping[str, Any]
    ) -> None:
        self.run, self.every, self.keep, self.select, self.about = run, every, keep, select, dict(about)
        self.best = run.record().get("best")
        self._signal: int | None = None
        self._saved_step: int | None = None
        self._handlers: dict[int, Any] = {}

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._handlers[number] = signal.signal(number, self._remember)
            except ValueError:  # not in the main thread: signals are somebody else's
                return

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: object) -> None:
        self._signal = number

    def _interrupted(self, trainer: pl.Trainer) -> int | None:
        """The signal that arrived, agreed on by all processes."""
        if trainer.world_size == 1:
            return self._signal
        number = torch.tensor(float(self._signal or 0), device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(number, reduce_op="max")) or None

    def on_train_batch_end(self, trainer: pl.Trainer, module: GenerativeModule, *args: Any) -> None:  # type: ignore[override]
        step = trainer.global_step
        if self.every and step % self.every == 0:
            self.save(trainer, module)
        if number := self._interrupted(trainer):
            self.save(trainer, module)
            raise Interrupted(number)

    def on_validation_end(self, trainer: pl.Trainer, module: GenerativeModule) -> None:  # type: ignore[override]
        step = trainer.global_step
        terms = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
        self._record(final={"step": step, **terms})
        value = terms.get(self.select) if self.select else None
        is_best = value is not None and (self.best is None or value < self.best["value"])
        if not self.every or is_best:
            self.save(trainer, module)
        if is_best:
            self.best = {"step": step, "metric": self.select, "value": value}
            self._record(best=self.best)
            if trainer.is_global_zero:
                checkpoints.point(self.run.checkpoints, "best", step)

    @rank_zero_only
    def _record(self, **entries: Any) -> None:
        self.run.update(**entries)

    def save(self, trainer: pl.Trainer, module: GenerativeModule) -> None:
        """Write the checkpoint of this step, once."""
        if self._saved_step == trainer.global_step:
            return
        module.check_finite()
        self._saved_step = trainer.global_step
        weights = trainer.strategy.lightning_module_state_dict()
        optimizers = [
            trainer.strategy.optimizer_state(optimizer) for optimizer in trainer.strategy.optimizers
        ]
        if trainer.is_global_zero:
            checkpoint = Checkpoint(
                step=trainer.global_step,
                weights=weights,
                ema=module.average.shadow if module.average is not None else {},
                trainer={
                    "optimizers": optimizers,
                    "precision": trainer.precision_plugin.state_dict(),
                    "seconds": module.seconds,
                },
                about=self.about,
            )
            checkpoints.save(self.run.checkpoints, checkpoint)
            checkpoints.prune(self.run.checkpoints, self.keep)
            memory = peak_memory(trainer.strategy.root_device)
            self.run.update(step=trainer.global_step, seconds=round(module.seconds, 3), peak_memory=memory)
        trainer.strategy.barrier()

    def on_train_end(self, trainer: pl.Trainer, module: GenerativeModule) -> None:  # type: ignore[override]
        self.save(trainer, module)


class SampleWriter(Callback):
    """Draws the same samples (seed 0) at each validation and writes them into the run's folder."""

    def __init__(self, run: Run, n: int, every: int | None) -> None:
        self.run, self.n, self.every = run, n, every

    def on_validation_end(self, trainer: pl.Trainer, module: GenerativeModule) -> None:  # type: ignore[override]
        due = self.every is None or trainer.global_step % self.every == 0 or trainer.should_stop
        if trainer.is_global_zero and due and self.n:
            suffix = ".txt" if module.spec.is_text else ".png"
            module.sample(self.n, seed=0).save(self.run.samples / f"step-{trainer.global_step}{suffix}")


class History(Callback):
    """Sends the terms of the last step to the loggers, every `every` steps and at validations."""

    def __init__(self, every: int, batch_size: int) -> None:
        self.every, self.batch_size = every, batch_size
        self._since: tuple[float, int] | None = None

    def on_train_batch_end(self, trainer: pl.Trainer, module: GenerativeModule, *args: Any) -> None:  # type: ignore[override]
        step = trainer.global_step
        if step % self.every and not trainer.should_stop:
            return
        terms = {f"train/{name}": value for name, value in plain_terms(module.terms).items()}
        terms["lr"] = trainer.strategy.optimizers[0].param_groups[0]["lr"]
        now = time.monotonic()
        if self._since is not None and step > self._since[1]:
            rate = (step - self._since[1]) * self.batch_size / (now - self._since[0])
            terms["examples_per_second"] = rate
        self._since = (now, step)
        for logger in trainer.loggers:
            logger.log_metrics(terms, step)

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._since = None  # the rate is that of training alone


class Progress(RichProgressBar):
    """Lightning's bar with as many of the family's own terms as stand on its line."""

    BAR = 64  # columns that the bar itself takes, with counts, times and rate

    def _get_train_description(self, current_epoch: int) -> str:
        return "training"  # the stream of batches is one epoch to Lightning, whatever it is of the data

    def get_metrics(self, trainer: pl.Trainer, module: GenerativeModule) -> dict[str, Any]:  # type: ignore[override]
        """The first term and the validated ones before the rest."""
        terms = plain_terms(module.terms)
        first = dict(list(terms.items())[:1])
        room = (self._console.width if self._console is not None else 80) - self.BAR
        shown: dict[str, str] = {}
        for name, value in {**first, **validated(trainer), **terms}.items():
            shown[name] = f"{value:.4g}"
            room -= len(f"{name}: {shown[name]} ")
            if room < 0 and len(shown) > 1:
                del shown[name]
                break
        return shown


class Lines(Callback):
    """One line a validation, for terminals without a bar and for log files."""

    def __init__(self, console: Console, total_steps: int | None) -> None:
        self.console, self.total_steps = console, total_steps

    def on_validation_end(self, trainer: pl.Trainer, module: GenerativeModule) -> None:  # type: ignore[override]
        if trainer.is_global_zero:
            terms = {**plain_terms(module.terms), **validated(trainer)}
            shown = "  ".join(f"{k} {v:.4f}" for k, v in terms.items())
            of = f"/{self.total_steps}" if self.total_steps else ""
            self.console.print(
                f"step {trainer.global_step}{of}  {shown}  ({module.seconds:.1f} s)", highlight=False
            )
