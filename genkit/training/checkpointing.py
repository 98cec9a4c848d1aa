"""Checkpoints of a training: written so that a fresh process takes it up exactly where it stood."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor
from torch.optim import Optimizer

from genkit.core.module import GenerativeModule, ours
from genkit.core.optim.optimisers import build_optimizer
from genkit.runs import Run, checkpoints, manifests
from genkit.runs.checkpoints import Checkpoint
from genkit.system.errors import CheckpointError, Diverged
from genkit.system.interrupts import Interrupted, Remembered
from genkit.training import lightning
from genkit.training.agreement import Agreement

STATUS = Path("/proc/self/status")  # what Linux says of a process


class Resume(Callback):
    """Puts a fresh trainer where a checkpoint was taken.

    Everything random and the order of the data are functions of the step, so the step, the weights, the
    optimisers and what callbacks have counted are all there is to restore.

    Raises:
        CheckpointError: the state of the optimisers is none of this model's.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = ours(pl_module)
        try:
            self._restore(trainer, module)
        except (*manifests.MALFORMED, RuntimeError) as error:
            raise CheckpointError(
                f"the state of the optimisers in step-{self.checkpoint.step} does not fit this model"
                f" ({manifests.short(error)}); begin anew with init_from=RUN."
            ) from error
        lightning.stand_at(trainer, self.checkpoint.step)

    def _restore(self, trainer: pl.Trainer, module: GenerativeModule) -> None:
        state = self.checkpoint.trainer
        for optimizer, saved in zip(trainer.strategy.optimizers, state["optimizers"], strict=True):
            # A person may have changed the settings for the rest of the training; with the precision goes
            # whether kernels are fused, and with that the device of their counters.
            asked = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
            groups = [{**g, **own} for g, own in zip(saved["param_groups"], asked, strict=True)]
            optimizer.load_state_dict({**saved, "param_groups": groups})
            lay_out_as_parameters(optimizer)
        if state["precision"]:
            trainer.precision_plugin.load_state_dict(state["precision"])
        if module.average is not None:
            module.average.load(self.checkpoint.ema)
        # They are mapped from files, which would take disk space after they are deleted.
        for tensors in (self.checkpoint.weights, self.checkpoint.ema, state["optimizers"]):
            tensors.clear()

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Validate first, where the checkpoint was taken at a step whose validation had not ended."""
        if is_validated(self.checkpoint):
            return
        lightning.validate(trainer)


def is_validated(checkpoint: Checkpoint) -> bool:
    """Whether nothing remains to be done at the step of a checkpoint."""
    return bool(checkpoint.trainer.get("validated", True))


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
    with contextlib.suppress(OSError):  # Linux; its getrusage begins with the peak of whoever started this
        said = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        if "VmHWM" in said:
            return int(said["VmHWM"].split()[0]) * 1024
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    # Linux counts in units of 1024 bytes, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def check_state(checkpoint: Checkpoint, module: GenerativeModule) -> None:
    """See that the state of the optimisers in a checkpoint is of those that `module.plan` asks for.

    Raises:
        CheckpointError: it is of others, or the average of the weights is asked for and was never kept.
    """
    if module.plan.optim.get("ema") and not checkpoint.ema and any(phase.ema for phase in module.phases()):
        raise CheckpointError(
            f"optim.ema={module.plan.optim['ema']}: step-{checkpoint.step} holds no average of the weights;"
            " leave it out, or begin anew with init_from=RUN."
        )
    own = module.state_dict()
    if wrong := [name for name, t in checkpoint.ema.items() if name not in own or own[name].shape != t.shape]:
        raise CheckpointError(
            f"the average of the weights in step-{checkpoint.step} is of another model ({wrong[0][:60]});"
            " begin anew with init_from=RUN."
        )
    asked = [build_optimizer(phase, module.plan.settings(phase.name)) for phase in module.phases()]
    saved = checkpoint.trainer.get("optimizers")
    try:
        fits = [list(map(_layout, o.param_groups)) for o in asked] == [
            list(map(_layout, o["param_groups"])) for o in saved or []
        ]
    except manifests.MALFORMED:
        fits = False
    if not fits:
        raise CheckpointError(
            f"the state of the optimisers in step-{checkpoint.step} is not of optim.name="
            f"{module.plan.optim.get('name')} for this model; leave optim.name out, or begin anew with"
            " init_from=RUN."
        )


def _layout(group: Mapping[str, Any]) -> tuple[int, set[str]]:
    """What tells the groups of two kinds of optimisers apart: how many parameters, and which settings."""
    return len(group["params"]), {str(key) for key in group}


class Begin(Callback):
    """Writes down that training begins; everything that can refuse it stands before."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self._begin()


def settle(run: Run, checkpoint: Checkpoint) -> None:
    """Let the pointers and the record say what a checkpoint says: a kill may have come between."""
    entries: dict[str, Any] = {"step": checkpoint.step}
    best = checkpoint.trainer.get("best")
    checkpoints.point(run.checkpoints, "last", checkpoint.step)
    if best and best["step"] in manifests.available(run.checkpoints):
        checkpoints.point(run.checkpoints, "best", best["step"])
        entries["best"] = best
    run.update(**entries)


class Recorder(Callback):
    """Writes checkpoints and the run's record; saves within one batch of a signal, of several processes two.

    Args:
        run: the run folder.
        every: steps between checkpoints; None saves after each validation.
        keep: how many of the newest checkpoints stay, besides the best.
        select: the validation term that picks the best checkpoint, lower is better; None picks none.
        about: what each manifest says the checkpoint belongs to.
        start: the checkpoint that the training goes on from.
        counting: callbacks whose own state belongs into a checkpoint; `start` gives it back to them.
        signals: where signals are remembered; None: they are somebody else's.

    Raises:
        Interrupted: a signal arrived; the checkpoint is written.
        Diverged: weights are not finite; they replace no checkpoint.
    """

    def __init__(
        self,
        run: Run,
        *,
        every: int | None,
        keep: int,
        select: str | None,
        about: Mapping[str, object],
        start: Checkpoint | None = None,
        counting: Sequence[Callback] = (),
        signals: Remembered | None = None,
    ) -> None:
        self.run, self.every, self.keep, self.select, self.about = run, every, keep, select, dict(about)
        self.best = start.trainer.get("best") if start else None
        self._start = start
        self._counting = {type(callback).__name__: callback for callback in counting}
        self._signals, self._agreement = signals, Agreement()
        self._saved_step: int | None = None
        self._saved_validated = True
        counted = start.trainer.get("callbacks", {}) if start else {}
        for name, state in counted.items():
            if name in self._counting:
                try:
                    self._counting[name].load_state_dict(state)
                except manifests.MALFORMED as error:
                    raise CheckpointError(
                        f"the state of {name} in step-{start.step if start else 0} is damaged"
                        f" ({manifests.short(error)}); begin anew with init_from=RUN."
                    ) from None

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self._start is not None and trainer.is_global_zero:
            settle(self.run, self._start)
        self._start = None

    @property
    def _signal(self) -> int:
        """The signal that this process has seen, 0 for none."""
        return (self._signals.number if self._signals else None) or 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any, **more: Any
    ) -> None:
        module = ours(pl_module)
        if self._signals is not None:
            self._signals.begin()
            self._signals.moved()
        step, every = trainer.global_step, trainer.val_check_interval
        due = trainer.should_stop or (isinstance(every, int) and step % every == 0)
        if self.every and step % self.every == 0:
            self.save(trainer, module, validated=not due)
        if number := self._agreement.late(self._signal):
            self.save(trainer, module, validated=not due)
            raise Interrupted(number)

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any, **more: Any
    ) -> None:
        module = ours(pl_module)
        if self._signals is not None:
            self._signals.moved()
        # Of several processes one may be done with its share: they agree when all are.
        if trainer.world_size == 1 and (number := self._signal):
            module.leave_validation()
            self.save(trainer, module, validated=False)
            raise Interrupted(number)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = ours(pl_module)
        step = trainer.global_step
        terms = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
        self._record(final={"step": step, **terms})
        value = terms.get(self.select) if self.select else None
        is_best = value is not None and (self.best is None or value < self.best["value"])
        if is_best:
            self.best = {"step": step, "metric": self.select, "value": value}
        if not self.every or is_best:
            self.save(trainer, module)
        if is_best:
            if trainer.is_global_zero:
                checkpoints.point(self.run.checkpoints, "best", step)
            self._record(best=self.best)
        if number := self._agreement.now(self._signal):
            self.save(trainer, module)
            raise Interrupted(number)

    @rank_zero_only
    def _record(self, **entries: Any) -> None:
        self.run.update(**entries)

    def save(self, trainer: pl.Trainer, module: GenerativeModule, *, validated: bool = True) -> None:
        """Write the checkpoint of this step, once.

        Args:
            validated: whether the validation that is due at this step, if one is, has ended.
        """
        if self._saved_step != trainer.global_step:
            with module.clock.paused(module.device):
                self._save(trainer, module, validated)

    def _save(self, trainer: pl.Trainer, module: GenerativeModule, validated: bool) -> None:
        module.check_finite()
        weights = trainer.strategy.lightning_module_state_dict()
        if broken := checkpoints.not_finite(weights):
            raise Diverged(
                f"step {trainer.global_step}: {len(broken)} weights are not finite ({', '.join(broken[:3])});"
                " the checkpoint before stays. Lower optim.lr, set optim.clip, or start from an earlier one."
            )
        self._saved_step, self._saved_validated = trainer.global_step, validated
        if self._signals is not None:
            self._signals.moved(saving=True)
        optimizers = [
            trainer.strategy.optimizer_state(optimizer) for optimizer in trainer.strategy.optimizers
        ]
        if trainer.is_global_zero:
            for logger in trainer.loggers:  # what is before this step must not be lost with the process
                logger.save()
            checkpoint = Checkpoint(
                step=trainer.global_step,
                weights=weights,
                ema=module.average.shadow if module.average is not None else {},
                trainer={
                    "optimizers": optimizers,
                    "precision": trainer.precision_plugin.state_dict(),
                    "seconds": module.clock.seconds,
                    "wall_seconds": module.clock.wall_seconds,
                    "charged": "steps alone",  # what `seconds` are of
                    "validated": validated,
                    "best": self.best,
                    "callbacks": {name: known.state_dict() for name, known in self._counting.items()},
                },
                about=self.about,
            )
            checkpoints.save(self.run.checkpoints, checkpoint)
            checkpoints.prune(self.run.checkpoints, self.keep)
            memory = peak_memory(trainer.strategy.root_device)
            self.run.update(step=trainer.global_step, peak_memory=memory, **_taken(module))
        trainer.strategy.barrier()
        if self._signals is not None:
            self._signals.moved()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = ours(pl_module)
        self._agreement.settle()
        if not self._saved_validated:  # a finished run has nothing left to do, and its checkpoint says so
            self._saved_step = None
        self.save(trainer, module)
        self._record(**_taken(module))


def _taken(module: GenerativeModule) -> dict[str, float]:
    """Seconds so far: of the steps, and from the start to now."""
    clock = module.clock
    return {"seconds": round(clock.seconds, 3), "wall_seconds": round(clock.wall_seconds, 3)}
