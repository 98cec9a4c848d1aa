"""Measures at each validation whether a training is sound, whatever its family; `findings` judges.

The measurements draw from generators of their own and change no weight, so a training is bit for bit the same
with them and without.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from rich.console import Console
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.module import GenerativeModule, ours
from genkit.core.phase import Phase
from genkit.core.rule import Measurement, Rule, number
from genkit.diagnostics import findings, symptoms
from genkit.diagnostics.findings import Finding
from genkit.diagnostics.general_rules import rules_for
from genkit.diagnostics.known import KnownImages, KnownTexts
from genkit.runs import Run, write_atomically
from genkit.system.errors import Diverged, Unsound
from genkit.system.plain import read_json

FILE = "findings.json"
SHAPE = {"history": [{"step": int}], "findings": [{"code": str, "step": int}]}
EXAMPLES = 64  # looked at; their 2,016 pairs tell a mean distance to a few per cent


class Health(Callback):
    """Measures, logs as `health/<name>`, judges, and writes `findings.json` into the run folder.

    What is measured: what the plan says before anything is trained; the mean of each training term and of
    each phase's gradient since the last validation (on the device, read once), how high the first loss stood
    above its level in between, how far each network has moved; and what `symptoms.measure` says.

    Args:
        run: the run folder.
        start: the step at which this part of the training begins; what was measured later is forgotten.
        console: where a new finding is said; None for nowhere.
        training: the training examples, to know copies of them by; None: copies are not looked for.
        unseen: whether what validates is not what is trained on; else no gap between the two is measured.
    """

    def __init__(
        self,
        run: Run,
        start: int = 0,
        console: Console | None = None,
        training: KnownImages | KnownTexts | None = None,
        *,
        unseen: bool = True,
    ) -> None:
        self.run, self.console, self.training, self.unseen = run, console, training, unseen
        self.history = [row for row in read(run) if row["step"] <= start]
        self._said: set[tuple[str, str, int, int | None]] = set()
        self._sums: dict[str, list[Any]] = {}
        self._losses = torch.zeros(0)
        self._count = 0  # of the losses that are in use
        self._probes: dict[str, Tensor] = {}
        self._seen: list[Batch] = []
        self._measured: dict[str, float | list[float]] = {}

    # ------------------------------------------------------------------ what a checkpoint holds

    def state_dict(self) -> dict[str, Any]:
        """What has gathered since the last validation: a checkpoint between two must not lose it."""
        return {
            "sums": {name: [total.clone(), count] for name, (total, count) in self._sums.items()},
            "losses": self._losses[: self._count].cpu(),
            "probes": dict(self._probes),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        sums = state["sums"].items()
        self._sums = {name: [torch.as_tensor(total).clone(), count] for name, (total, count) in sums}
        self._losses = state.get("losses", torch.zeros(0)).clone()
        self._count = len(self._losses)
        self._probes = dict(state.get("probes", {}))

    # ------------------------------------------------------------------ while training

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = ours(pl_module)
        if not self._probes:
            self._probes = self._probed(module)
        if trainer.is_global_zero and (found := self.found(module)):
            self._write(found)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any, **more: Any
    ) -> None:
        module = ours(pl_module)
        sums: list[Tensor] = []
        values: list[Tensor] = []
        for name, found in (*module.terms.items(), *module.gradients.items()):
            value = torch.as_tensor(found)
            pair = self._sums.get(name) or [torch.zeros_like(value), 0]
            pair = self._sums[name] = [pair[0].to(value.device), pair[1] + 1]  # (one of a file is on the CPU)
            sums.append(pair[0])
            values.append(value)
        torch._foreach_add_(sums, values)  # in one kernel
        loss = torch.as_tensor(next(iter(module.terms.values())))
        if self._count == len(self._losses) or self._losses.device != loss.device:
            longer = torch.zeros(max(256, 2 * self._count), device=loss.device)
            longer[: self._count] = self._losses[: self._count]
            self._losses = longer
        self._losses[self._count] = loss
        self._count += 1

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, error: BaseException) -> None:
        """Numbers that are not finite end a training, and are a finding of the step that failed."""
        ours = isinstance(error, Diverged) and not isinstance(error, Unsound)
        if ours and trainer.is_global_zero and isinstance(module, GenerativeModule):
            self._add(trainer.global_step + 1, module, {"not_finite": 1})

    # ------------------------------------------------------------------ at a validation

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._seen = []

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        *args: Any,
        **more: Any,
    ) -> None:
        if sum(map(len, self._seen)) < EXAMPLES:
            self._seen.append(batch)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The module still holds the weights that it is validated with, the averaged ones."""
        module = ours(pl_module)
        if not self._seen:
            return
        own = symptoms.measure(module, _joined(self._seen), self.training)
        self._seen = []
        for name, value in own.items():
            if not isinstance(value, list):
                module.log(f"health/{name}", torch.tensor(float(value)), rank_zero_only=True)
        self._measured = {**self._means(), **own}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The module holds the weights that are trained again, and every term is validated."""
        module = ours(pl_module)
        if not self._measured:
            return
        measured = {**self._measured, **self._of_losses(trainer, module), **self._of_weights(module)}
        self._sums = {}
        validated = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
        weights = [*module.parameters(), *module.buffers()]
        measured["not_finite"] = symptoms.count_not_finite({**measured, **validated}, weights)
        if trainer.is_global_zero:
            self._add(trainer.global_step, module, measured)

    def _means(self) -> dict[str, float]:
        """Of what was summed since the last validation."""
        return {name: float(total) / count for name, (total, count) in self._sums.items()}

    def _of_losses(self, trainer: pl.Trainer, module: GenerativeModule) -> dict[str, float]:
        """Spikes and, of a likelihood's loss, its level and how far it is from the validated one."""
        losses = self._losses[: self._count].numpy(force=True).astype(np.float64)
        kept = min(self._count, symptoms.LEVEL)
        self._losses, self._count = self._losses[self._count - kept : self._count].clone(), kept
        found: dict[str, float] = {}
        if not len(losses) or not np.isfinite(losses).all():
            return found
        if (spike := symptoms.highest_spike(losses)) is not None:
            found["spike"] = spike
        name = next(iter(self._measured))  # the first term of the first phase
        if not module.units.get(name, "").startswith("nats"):
            return found  # the loss of a game is no measure of success
        found["level"] = symptoms.level(losses)
        levels = [row["level"] for row in self.history if row.get("level") is not None]
        best = min([*levels, found["level"]])
        found["risen"] = float((found["level"] - best) / symptoms.scatter(losses[-symptoms.LEVEL :]))
        validated = trainer.callback_metrics.get(f"val/{name}")
        if (
            self.unseen
            and validated is not None
            and (gap := symptoms.gap(number(self._measured, name), float(validated))) is not None
        ):
            found["gap"] = gap
        return found

    def _of_weights(self, module: GenerativeModule) -> dict[str, float]:
        """How far each network has moved since the last validation; those of which no phase has taken a step
        since then, or since the beginning, are asked the next time."""
        stepped = [phase for phase in module.phases() if f"gradient/{phase.name}" in self._sums]
        now = self._probed(module, stepped)
        moved = {name: symptoms.moved(self._probes[name], probe) for name, probe in now.items()}
        self._probes |= now
        return {f"moved/{name}": share for name, share in moved.items() if share is not None}

    @staticmethod
    def _probed(module: GenerativeModule, phases: Sequence[Phase] | None = None) -> dict[str, Tensor]:
        networks = symptoms.networks(module, module.phases() if phases is None else phases)
        return {name: symptoms.probe(parameters) for name, parameters in networks.items()}

    # ------------------------------------------------------------------ the verdict

    def found(self, module: GenerativeModule) -> list[Finding]:
        """The findings so far: what the plan says, and what was measured."""
        return [*self.planned(module), *findings.judge(self.history, rules_of(module))]

    def planned(self, module: GenerativeModule) -> list[Finding]:
        """What is wrong with the plan, whatever comes of it.

        The length of a training that only the clock ends is estimated from its last measurement.
        """
        total = module.plan.total_steps
        if total is None and self.history and self.history[-1]["progress"] > 0:
            total = round(self.history[-1]["step"] / self.history[-1]["progress"])
        return [] if total is None else findings.judge([_planned(module, total)], rules_of(module))

    def _add(self, step: int, module: GenerativeModule, measured: Measurement) -> None:
        progress = module.plan.budget.progress(step, module.plan.total_steps, module.clock.agreed)
        self.history = [row for row in self.history if row["step"] < step]  # a resumed one may repeat it
        self._said |= {_key(finding) for finding in findings.judge(self.history, rules_of(module))}
        self.history.append({"step": step, "progress": round(progress, 6), **measured})
        self._write(self.found(module))

    def _write(self, found: Sequence[Finding]) -> None:
        """Replace the file, and say what is new."""
        plain = findings.to_plain(self.history, found)
        write_atomically(self.run.path / FILE, json.dumps(plain, indent=1) + "\n")
        for finding in found:
            new = _key(finding) not in self._said and (finding.until is None or _begun(finding) in self._said)
            if self.console is not None and new:
                self.console.print(str(finding))
        self._said |= {_key(finding) for finding in found}


def rules_of(module: GenerativeModule) -> tuple[Rule, ...]:
    """What a module's training is judged by: what any must keep, and its family's own."""
    return rules_for(module.rules, module.remedies)


def _key(finding: Finding) -> tuple[str, str, int, int | None]:
    """What is said once: that something holds, and that it does no longer."""
    return finding.code, finding.measure, finding.step, finding.until


def _begun(finding: Finding) -> tuple[str, str, int, int | None]:
    return _key(replace(finding, until=None))


def _planned(module: GenerativeModule, total: int) -> Measurement:
    """The measurement of a plan: schedules as shares of the run that they begin."""
    rises = {"learning rate": max(s["warmup"] for s in map(module.plan.settings, _names(module)))}
    rises |= module.schedules()
    return {"step": 0, "progress": 0.0, **{f"rising/{n}": steps / total for n, steps in rises.items()}}


def _names(module: GenerativeModule) -> list[str]:
    return [phase.name for phase in module.phases()]


def read(run: Run, part: str = "history") -> list[dict[str, Any]]:
    """The measurements, or the findings, of a run's file; none where it is missing or damaged."""
    try:
        return list(read_json(run.path / FILE, SHAPE)[part])
    except (OSError, ValueError):
        return []


def _joined(batches: Sequence[Batch]) -> Batch:
    """The first `EXAMPLES` of several batches as one, with rows of its own."""
    return Batch.joined(batches, range(sum(map(len, batches))))[:EXAMPLES]
