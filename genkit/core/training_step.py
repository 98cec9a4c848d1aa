"""The training step: every phase that is due, one whole update each, by manual optimisation."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any, final

import torch
from pytorch_lightning.plugins.precision import MixedPrecision
from torch import Tensor, nn
from torch.optim import Optimizer

from genkit.core.batch import Batch
from genkit.core.clock import Clock
from genkit.core.contract import Contract, S
from genkit.core.ema import MovingAverage
from genkit.core.noise import mix
from genkit.core.optim.optimisers import build_optimizer
from genkit.core.optim.schedules import schedule_factor
from genkit.core.phase import LossTerms, Phase, StepNoise, training_only
from genkit.core.returned import check_loss
from genkit.system.errors import ConfigError, Diverged

MAX_SCALER_SKIPS = 25  # consecutive; a fresh scaler at 2^16 needs at most 16 halvings to reach 1


class Updates(Contract[S]):
    """Optimisers, the step, and gradients that are finite and clipped."""

    @final
    def configure_optimizers(self) -> list[Optimizer]:
        if not self.plan.optim:
            raise ConfigError(
                f"{type(self).__name__} has no plan: train it by genkit.train, or set module.plan ="
                " TrainingPlan(optim=…, budget=…, total_steps=…) of genkit.core.plan before Trainer.fit."
            )
        self._phases = self.phases()
        if not self._phases or self._phases[0].every != 1:
            raise ValueError(f"{type(self).__name__}: the first phase is due at every step (every=1)")
        self._parameters_of_all = tuple(p for phase in self._phases for p in phase.parameters)
        self._settings = {phase.name: self.plan.settings(phase.name) for phase in self._phases}
        self._optimizers = [build_optimizer(phase, self._settings[phase.name]) for phase in self._phases]
        decay = self.plan.optim.get("ema")
        averaged = [module for phase in self._phases if phase.ema for module in phase.modules]
        if decay and averaged and self.average is None:
            self.average = MovingAverage.of_modules(self, averaged, decay)
        return self._optimizers

    @final
    def on_train_start(self) -> None:
        self.clock = Clock(self.plan.seconds_before, self.plan.wall_seconds_before)
        self.clock.start()

    @final
    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One whole update of every phase that is due at this step."""
        step = self.global_step
        self._late.raise_if_diverged()
        self._reseed_dropout(step)
        progress = self.plan.budget.progress(step, self.plan.total_steps, self.clock.agreed)
        micro = self._micro_batches(batch, step)
        self.terms = {}
        self.gradients = {}
        for index, phase in enumerate(self._phases):
            if step % phase.every == 0:
                self._update(index, phase, micro, step, progress)
        if self.average is not None:
            self.average.update(step)

    def _reseed_dropout(self, step: int) -> None:
        """Dropout depends on (seed, rank, step), so no generator's state needs saving."""
        seed = mix(self.plan.seed, self.global_rank, step)
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.default_generators[self.device.index or 0].manual_seed(seed)

    def _micro_batches(self, batch: Batch, step: int) -> list[tuple[Batch, StepNoise]]:
        pieces = self.plan.accumulate
        if len(batch) % pieces:
            raise ConfigError(
                f"trainer.accumulate={pieces} does not divide the {len(batch)} examples of a batch."
            )
        size = len(batch) // pieces
        starts = range(0, len(batch), size)
        parts = [batch[start : start + size] for start in starts] if pieces > 1 else [batch]
        micro, shared = [], dict[str, Tensor]()
        for part in parts:
            noise = StepNoise(self.plan.seed, part.rows, step=step, device=self.device)
            noise.parameters, noise.pieces, noise.shared = self._parameters_of_all, parts, shared
            micro.append((part, noise))
        return micro

    def _update(
        self,
        index: int,
        phase: Phase,
        micro: list[tuple[Batch, StepNoise]],
        step: int,
        progress: float,
    ) -> None:
        settings, optimizer = self._settings[phase.name], self._optimizers[index]
        factor = schedule_factor(settings, step, self.plan.total_steps, progress)
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor

        def closure() -> None:
            for parameter in phase.parameters:  # (`zero_grad` has hooks, a profiler and dynamo around that)
                parameter.grad = None
            for i, (part, noise) in enumerate(micro):
                with self._gradient_sync(i == len(micro) - 1):
                    loss = phase.loss(part, noise)
                    check_loss(loss, f"{type(self).__name__}, phase {phase.name}")
                    self._record(phase, loss, 1 / len(micro))
                    self.manual_backward(loss.total / len(micro) if len(micro) > 1 else loss.total)
                if len(micro) > 1:  # else every piece's graph would wait for the phase that needs it
                    noise.forget()

        self._current = (phase, settings)
        with training_only(phase, self._phases):
            if index == 0:  # Lightning counts the steps of its own wrapper: the first phase's, one a batch
                wrapped = self.optimizers()
                (wrapped[0] if isinstance(wrapped, list) else wrapped).step(closure=closure)
            else:
                self.trainer.strategy.optimizer_step(optimizer, closure)
        self._current = None

    def _gradient_sync(self, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Processes exchange gradients once an update: at the last micro-batch."""
        unshared: Callable[[], contextlib.AbstractContextManager[Any]] | None
        unshared = getattr(self.trainer.strategy, "unshared", None)
        return contextlib.nullcontext() if last or unshared is None else unshared()

    @property
    def updated(self) -> Phase | None:
        """The phase whose update is being made."""
        return self._current[0] if self._current else None

    def _record(self, phase: Phase, loss: LossTerms, share: float) -> None:
        """Keep the terms for whoever shows them, and what must be finite until the gradient is there.

        Args:
            share: of the batch that the terms are of.
        """
        total = loss.total.detach()
        terms = {name: value.detach() for name, value in loss.terms.items()} or {"loss": total}
        for term, value in terms.items():
            name = f"{phase.name}/{term}" if len(self._phases) > 1 else term
            self.terms[name] = value if share == 1 else self.terms.get(name, 0.0) + value * share
        self._watched += [*terms.items(), ("loss", total)]

    @final
    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Check that losses and gradient are finite, and clip it.  Under fp16 it is unscaled by now."""
        assert self._current is not None
        phase, settings = self._current
        gradients = [p.grad for p in phase.parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        tolerated = self._scaler_tolerates(norm, phase)
        watched, self._watched = self._watched, []
        if not tolerated:
            watched.append(("gradient", norm))
        names, values = zip(*watched, strict=True)
        self._late.watch(phase.name, self.global_step, list(names), list(values))
        if tolerated:
            return
        self.gradients[f"gradient/{phase.name}"] = norm.detach()
        if clip := settings.get("clip"):
            nn.utils.clip_grads_with_norm_(phase.parameters, clip, norm)

    def _scaler_tolerates(self, norm: Tensor, phase: Phase) -> bool:
        """Whether this gradient overflowed under fp16, so that the scaler will skip the update.

        Raises:
            Diverged: more than `MAX_SCALER_SKIPS` in a row.
        """
        precision = self.trainer.precision_plugin
        if not isinstance(precision, MixedPrecision) or precision.scaler is None:
            return False
        if math.isfinite(float(norm)):
            self._skips = 0
            return False
        self._skips += 1
        if self._skips > MAX_SCALER_SKIPS:
            raise Diverged(
                f"phase {phase.name}, step {self.global_step}: the gradient overflowed {self._skips} times"
                " in a row under fp16. Lower optim.lr, or train with trainer.precision=bf16-mixed or 32-true."
            )
        return True

    @final
    def check_finite(self) -> None:
        """Wait for the last step's numbers.

        Raises:
            Diverged: one of them is not finite.
        """
        self._late.raise_if_diverged(wait=True)
