"""GenerativeModule: the one LightningModule behind every family.

A family writes `phases()`, `score_batch()` and `draw()`.  Everything else here is final: the training step,
validation, optimisers, schedules, clipping, accumulation, the moving average, `sample()`.  Manual
optimisation is used for every family, so a GAN's two optimisers are two entries in a tuple and `global_step`
counts batches for all of them.
"""

from __future__ import annotations

import contextlib
import inspect
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.plugins.precision import MixedPrecision
from torch import Tensor, nn
from torch.optim import Optimizer

from genkit.core.batch import Batch
from genkit.core.budget import Budget
from genkit.core.capabilities import CAPABILITIES, Conditional, Likelihood
from genkit.core.clock import Clock
from genkit.core.ema import MovingAverage
from genkit.core.finiteness import LateCheck
from genkit.core.noise import Noise, mix
from genkit.core.optim import build_optimizer, schedule_factor
from genkit.core.options import Option, resolve_options
from genkit.core.phase import LossTerms, Phase, StepNoise, training_only
from genkit.core.samples import Samples
from genkit.core.spec import ArraySpec, Spec
from genkit.system.errors import ConfigError, Diverged

_SET_OFTEN = frozenset({"_current_fx_name", "_current", "terms", "gradients"})
BATCH = 64  # samples drawn at once, where nobody says how many
MAX_SCALER_SKIPS = 25  # consecutive; a fresh scaler at 2^16 needs at most 16 halvings to reach 1


@dataclass
class TrainingPlan:
    """How to train: everything about an optimisation that is not the model.

    Attributes:
        optim: the settings of the group `optim`; a key with a phase's name overrides them for that phase.
        seed: of the noise, the order of the data and the dropout.
        budget: what is to be spent.
        total_steps: the budget in steps; None where only the clock can tell.
        accumulate: micro-batches that one batch is processed in; a step is always one whole update.
        fused: fused optimiser kernels; they hide the unscaled gradient under fp16, so not there.
    """

    optim: Mapping[str, Any]
    seed: int = 0
    budget: Budget = field(default_factory=lambda: Budget("steps", 1))
    total_steps: int | None = 1
    accumulate: int = 1
    fused: bool = True
    seconds_before: float = 0.0  # of steps, in earlier parts of a resumed training
    wall_seconds_before: float = 0.0  # of those parts as a whole

    def settings(self, phase: str) -> dict[str, Any]:
        """The optimiser settings of one phase: its own where given, else the common ones."""
        common = {k: v for k, v in self.optim.items() if not isinstance(v, Mapping)}
        own = {k: v for k, v in (self.optim.get(phase) or {}).items() if v is not None}
        return {**common, **own, "fused": self.fused}


class GenerativeModule(LightningModule):
    """Base of every family.

    Args:
        spec: what the data is.

    Attributes:
        options: the sampling options that the family takes; an instance may have others than its class.
        units: the unit of each term of `score_batch`.
        terms: the last training step's loss terms, by name; tensors, read them with `float`.
        gradients: the norm of each phase's gradient in that step, before clipping, as `gradient/<phase>`.
    """

    options: tuple[Option, ...] = ()
    units: Mapping[str, str] = {}

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.spec = spec
        self.plan = TrainingPlan(optim={})
        self.average: MovingAverage | None = None
        self.origin: dict[str, Any] = {}
        self.terms: dict[str, Tensor | float] = {}
        self.gradients: dict[str, Tensor] = {}
        self._phases: tuple[Phase, ...] = ()
        self._parameters_of_all: tuple[nn.Parameter, ...] = ()
        self._settings: dict[str, dict[str, Any]] = {}  # of each phase
        self._optimizers: list[Optimizer] = []
        self._current: tuple[Phase, dict[str, Any]] | None = None
        self._skips = 0
        self.clock = Clock()
        self._late = LateCheck()
        self._sums: Tensor | None = None  # of weighted values and of weights, float64 (terms, 2)
        self._swapped: contextlib.AbstractContextManager[None] = contextlib.nullcontext()

    @final
    def __setattr__(self, name: str, value: Any) -> None:
        """As torch's, which sees for every value whether it is a module or a parameter; not so for what
        Lightning and the step set some forty times a step."""
        if name in _SET_OFTEN:
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    # ------------------------------------------------------------------ what a family writes

    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """What one training step does, in order; the first phase has `every=1`."""

    @abstractmethod
    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Validation terms of each example, {name: (B,)}; their units stand in `units`."""

    @abstractmethod
    def draw(
        self, noise: Noise, condition: Sequence[Any], options: Mapping[str, Any]
    ) -> Tensor | list[Tensor]:
        """As many samples as there are noise rows, in data space, random through `noise` alone.

        Args:
            condition: one entry a row, as `Conditional.conditions` made them; None without conditions.
            options: every declared option with its value.
        """

    def costs(self) -> dict[str, float]:
        """What training on one example takes, as far as the family can tell: `flops` of the forward and the
        backward pass, `activations`, the bytes kept between them in float32, and `scoring`, the bytes that
        `score_batch` takes at once."""
        return {}

    def health(self, batch: Batch, noise: Noise) -> dict[str, float | list[float]]:
        """Numbers that tell a training that goes wrong, by name, of the present weights on real examples.

        `genkit.diagnostics.findings` has the rules that read them.  Called at each validation, so it should
        be cheap.
        """
        return {}

    def uncompilable(self) -> str | None:
        """Why torch.compile cannot train this instance, and what to do instead; None where it can."""
        return None

    @property
    def scores_batches(self) -> bool:
        """Whether what `score_batch` gives for an example depends on the others in its batch, as under batch
        normalisation; its means then depend on `trainer.val_batch_size`."""
        return False

    def schedules(self) -> dict[str, int]:
        """Steps over which something of the model's own loss rises from 0, by name; the rules of
        `genkit.diagnostics.findings` look whether the training is that long."""
        return {}

    # ------------------------------------------------------------------ what it is

    @final
    def capabilities(self) -> dict[str, str]:
        """Names of the capabilities that hold for this instance, each with a remark (or "")."""
        held = {c.__name__: "" for c in CAPABILITIES if isinstance(self, c)}
        if isinstance(self, Likelihood):
            held["Likelihood"] = str(self.likelihood_kind())
        if isinstance(self, Conditional):
            held["Conditional"] = ", ".join(o.name for o in self.options if o.name in ("prompt", "label"))
            if not held["Conditional"]:
                del held["Conditional"]
        return held

    @final
    def prepare(self, batch: Batch) -> Batch:
        """A batch as a family expects it: levels to floats in [0, 1], narrow ids to int64."""
        if isinstance(self.spec, ArraySpec):
            if not batch.data.is_floating_point():
                scaled = batch.data.float().div_(self.spec.levels - 1)
                return Batch(scaled, batch.rows, batch.labels, batch.weight)
        elif batch.data.dtype != torch.int64:
            return Batch(batch.data.long(), batch.rows, batch.labels, batch.weight)
        return batch

    @final
    def as_images(self, batch: Batch) -> Batch:
        """A batch of this model's data as images in [0, 1], (B, C, H, W), on the model's device.

        Raises:
            ConfigError: the data is text.
        """
        batch = self.prepare(batch.to(self.device))
        image = self.spec.image
        if image is None:
            raise ConfigError(f"{type(self).__name__} was trained on texts; this needs images.")
        if isinstance(self.spec, ArraySpec):
            return batch
        levels = batch.data[:, 1:].view(-1, image.height, image.width, image.channels)  # after the start
        return Batch(levels.permute(0, 3, 1, 2) / (image.levels - 1), batch.rows, batch.labels)

    @final
    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        if not isinstance(batch, Batch):
            raise ConfigError(
                f"{type(self).__name__} learns from genkit.core.batch.Batch(data, rows), not from"
                f" {type(batch).__name__}; give Trainer.fit a loader of those."
            )
        return self.prepare(batch.to(device))

    # ------------------------------------------------------------------ training

    @final
    def configure_optimizers(self) -> list[Optimizer]:
        if not self.plan.optim:
            raise ConfigError(
                f"{type(self).__name__} has no plan: train it by genkit.train, or set module.plan ="
                " TrainingPlan(optim=…, budget=…, total_steps=…) of genkit.core.module before Trainer.fit."
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

    # Lightning asks for it at every step, and to find it takes longer than to be told.
    training_step.__signature__ = inspect.signature(training_step)  # type: ignore[attr-defined]

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
            optimizer.zero_grad()
            for i, (part, noise) in enumerate(micro):
                with self._gradient_sync(i == len(micro) - 1):
                    loss = phase.loss(part, noise)
                    self._record(phase, loss, step, 1 / len(micro))
                    self.manual_backward(loss.total / len(micro) if len(micro) > 1 else loss.total)
                if len(micro) > 1:  # else every piece's graph would wait for the phase that needs it
                    noise.forget()

        self._current = (phase, settings)
        with training_only(phase, self._phases):
            if index == 0:  # Lightning counts the steps of its own wrapper: the first phase's, one a batch
                self.trainer.strategy._lightning_optimizers[0].step(closure=closure)
            else:
                self.trainer.strategy.optimizer_step(optimizer, closure)
        self._current = None

    def _gradient_sync(self, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Processes exchange gradients once an update: at the last micro-batch."""
        wrapped = self.trainer.strategy.model
        if last or not hasattr(wrapped, "no_sync"):
            return contextlib.nullcontext()
        return wrapped.no_sync()  # type: ignore[union-attr, operator]

    def _record(self, phase: Phase, loss: LossTerms, step: int, share: float) -> None:
        """Keep the terms for whoever shows them, and see that they are finite."""
        terms = loss.terms or {"loss": loss.total.detach()}
        names = [f"{phase.name}/{name}" if len(self._phases) > 1 else name for name in terms]
        for name, value in zip(names, terms.values(), strict=True):
            self.terms[name] = self.terms.get(name, 0.0) + value.detach() * share
        values = [*(v.detach() for v in terms.values()), loss.total.detach()]
        self._late.watch(phase.name, step, [*terms, "loss"], values)

    @final
    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Check that the gradient is finite, and clip it.  Under fp16 it is unscaled by now."""
        assert self._current is not None
        phase, settings = self._current
        gradients = [p.grad for p in phase.parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        clip = settings.get("clip")
        if self._scaler_tolerates(norm, phase):
            return
        self._late.watch(phase.name, self.global_step, ["gradient"], [norm])
        self.gradients[f"gradient/{phase.name}"] = norm.detach()
        if clip:
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

    # ------------------------------------------------------------------ validation

    @final
    def on_validation_model_eval(self) -> None:
        """The first that a validation does; `on_validation_end` is the last, after all callbacks."""
        self.clock.pause(self.device)
        super().on_validation_model_eval()

    @final
    def on_validation_end(self) -> None:
        self.clock.go_on()

    @final
    def on_validation_epoch_start(self) -> None:
        """Score the weights that `sample()` draws from: the averaged ones where there are any."""
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        self._sums = torch.zeros(len(self.units), 2, dtype=kind, device=self.device)
        self._swapped = self.weights("ema")
        self._swapped.__enter__()

    @final
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Sums of a batch, left on the device: nothing waits for them before the last batch.

        In float32 also where training is narrower, so that this is the number which an evaluation prints.
        """
        assert self._sums is not None
        noise = Noise(self.plan.seed, batch.rows, purpose="validation", device=self.device)
        with torch.autocast(self.device.type, enabled=False):
            scores = self.score_batch(batch, noise)
        weight = batch.weight if batch.weight is not None else torch.ones(len(batch), device=self.device)
        weight = weight.to(self._sums.dtype)
        for sums, name in zip(self._sums, self.units, strict=True):
            if name in scores:
                sums[0] += (scores[name].to(weight.dtype) * weight).sum()
                sums[1] += weight.sum()

    @final
    def leave_validation(self) -> None:
        """Hold the weights that are trained again, for whoever ends a validation early."""
        self._swapped.__exit__(None, None, None)

    @final
    def on_validation_epoch_end(self) -> None:
        self.leave_validation()
        # One exchange for all terms, the same of every process, whatever each of them has seen.
        totals = self.trainer.strategy.reduce(self._sums, reduce_op="sum").tolist()
        for name, (total, weight) in zip(self.units, totals, strict=True):
            if weight:
                self.log(
                    f"val/{name}", torch.tensor(total / weight, dtype=torch.float64), rank_zero_only=True
                )
        # Loggers take this for the row; Lightning's own count lags a step behind while validating.
        step = torch.tensor(float(self.global_step), dtype=torch.float64)
        self.log("step", step, rank_zero_only=True)

    # ------------------------------------------------------------------ weights and samples

    @final
    @contextlib.contextmanager
    def weights(self, which: str) -> Iterator[None]:
        """Within the context the module holds its averaged weights ("ema") or the plain ones ("raw").

        A module without an average keeps its plain weights under either name.
        """
        if which not in ("ema", "raw"):
            raise ConfigError(f"weights={which!r} is neither 'ema' nor 'raw'.")
        if which == "raw" or self.average is None:
            yield
            return
        with self.average.applied():
            yield

    @final
    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        first: int = 0,
        batch_size: int | None = None,
        device: torch.device | str | None = None,
        weights: str = "ema",
        advance: Callable[[int], None] | None = None,
        **options: Any,
    ) -> Samples:
        """n samples for each condition (a model without conditions has one: none).

        Sample i depends on (seed, i) and the weights alone, whatever the batch size, up to floating-point
        rounding.  The global generators, the training mode and the device are as before afterwards.

        Args:
            n: how many, 0 or more.
            first: the number of the first of them: many samples can be drawn a part at a time.
            batch_size: samples drawn at once; memory is bounded by it.
            device: where to draw; the module's own by default.
            weights: "ema" (the averaged weights where there are any) or "raw".
            advance: told how many more have been drawn, after each batch.
            options: of the family; see its `options`.

        Raises:
            ConfigError: n is no whole number from 0, or an option is unknown or out of range.
        """
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            raise ConfigError(f"n takes an integer from 0, not {n!r}.")
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"batch_size takes an integer from 1, not {batch_size}.")
        resolved = resolve_options(self.options, options, type(self).__name__)
        conditions = self.conditions(resolved) if isinstance(self, Conditional) else [None]
        asked = [condition for condition in conditions for _ in range(n)]
        size = batch_size or BATCH
        drawn: list[Tensor] = []
        with self._drawing(device, weights):
            for start in range(0, len(asked), size):
                part = asked[start : start + size]
                rows = range(first + start, first + start + len(part))
                noise = Noise(seed, rows, purpose="sample", device=self.device)
                drawn.extend(self.draw(noise, part, resolved))
                if advance is not None:
                    advance(len(part))
        origin = {**self.origin, "weights": "ema" if weights == "ema" and self.average else "raw"}
        data: Tensor | list[Tensor] = [sample.cpu() for sample in drawn]
        if isinstance(self.spec, ArraySpec):
            data = torch.stack(data) if data else torch.zeros(0, *self.spec.shape)  # type: ignore[arg-type]
        return Samples(data, self.spec, seed, resolved, origin)

    @contextlib.contextmanager
    def _drawing(self, device: torch.device | str | None, weights: str) -> Iterator[None]:
        """Evaluation mode on a device with the wanted weights; all as before afterwards."""
        modes = {module: module.training for module in self.modules()}
        home = self.device
        with self.weights(weights):
            try:
                self.eval()
                if device is not None:
                    self.to(device)
                yield
            finally:
                if device is not None:
                    self.to(home)
                for module, mode in modes.items():
                    module.training = mode
