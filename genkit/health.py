"""Measures at each validation whether a training is sound, whatever its family; see `genkit.findings`.

The measurements draw from generators of their own and change no weight, so a training is bit for bit the same
with them and without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from rich.console import Console
from torch import Tensor

from genkit import findings
from genkit.core.batch import Batch
from genkit.core.capabilities import LatentSpace
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.spec import ArraySpec
from genkit.runs import Run, write_atomically

FILE = "findings.json"
EXAMPLES = 64  # looked at; their 2,016 pairs tell a mean distance to a few per cent
FEWEST = 16  # below so many, a distance says nothing


class Health(Callback):
    """Measures, logs as `health/<name>`, judges, and writes `findings.json` into the run folder.

    What is measured: the mean of each training term since the last validation (on the device, read once),
    what the model's `health` reports, and, of a model with a latent space, the diversity of its samples and
    what labels do to them.

    Args:
        run: the run folder.
        start: the step at which this part of the training begins; what was measured later is forgotten.
        console: where a new finding is said; None for nowhere.
    """

    def __init__(self, run: Run, start: int = 0, console: Console | None = None) -> None:
        self.run, self.console = run, console
        self.history = [row for row in _read(run) if row["step"] <= start]
        self._sums: dict[str, list[Any]] = {}
        self._seen: list[Batch] = []
        self._measured: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """The sums since the last validation: a checkpoint between two must not lose them."""
        return {"sums": {name: list(pair) for name, pair in self._sums.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._sums = {name: list(pair) for name, pair in state["sums"].items()}

    def on_train_batch_end(self, trainer: pl.Trainer, module: GenerativeModule, *args: Any) -> None:  # type: ignore[override]
        for name, value in module.terms.items():
            pair = self._sums.setdefault(name, [0.0, 0])
            pair[0], pair[1] = pair[0] + value, pair[1] + 1

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._seen = []

    def on_validation_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, module: GenerativeModule, outputs: Any, batch: Batch, *args: Any
    ) -> None:
        if sum(map(len, self._seen)) < EXAMPLES:
            self._seen.append(batch)

    def on_validation_epoch_end(self, trainer: pl.Trainer, module: GenerativeModule) -> None:  # type: ignore[override]
        """The module still holds the weights that it is validated with, the averaged ones."""
        if not self._seen:
            return
        own = measure(module, _joined(self._seen))
        self._seen = []
        for name, value in own.items():
            if not isinstance(value, list):
                module.log(f"health/{name}", torch.tensor(float(value)), rank_zero_only=True)
        terms = {name: float(total) / count for name, (total, count) in self._sums.items()}
        self._sums = {}
        self._measured = {**terms, **own}

    def on_validation_end(self, trainer: pl.Trainer, module: GenerativeModule) -> None:  # type: ignore[override]
        if not (self._measured and trainer.is_global_zero):
            return
        step, plan = trainer.global_step, module.plan
        progress = plan.budget.progress(step, plan.total_steps, module.seconds)
        self.history = [row for row in self.history if row["step"] < step]  # a resumed one may repeat it
        before = {(f.code, f.step) for f in findings.judge(self.history)}
        self.history.append({"step": step, "progress": round(progress, 6), **self._measured})
        found = findings.judge(self.history)
        write_atomically(
            self.run.path / FILE, json.dumps(findings.to_plain(self.history, found), indent=1) + "\n"
        )
        if self.console is not None:
            for finding in found:
                if (finding.code, finding.step) not in before:
                    self.console.print(str(finding), highlight=False, markup=False)


def _read(run: Run) -> list[dict[str, Any]]:
    """The measurements that a run's file holds; none where it is missing or damaged."""
    try:
        return list(json.loads((run.path / FILE).read_text(encoding="utf-8"))["history"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _joined(batches: Sequence[Batch]) -> Batch:
    """The first `EXAMPLES` of several batches as one, with rows of its own."""
    data = torch.cat([batch.data for batch in batches])[:EXAMPLES]
    labels = [batch.labels for batch in batches if batch.labels is not None]
    return Batch(data, range(len(data)), torch.cat(labels)[:EXAMPLES] if labels else None)


@torch.no_grad()
def measure(module: GenerativeModule, batch: Batch) -> Mapping[str, float | list[float]]:
    """What the model reports of itself on real examples, and the diversity of its samples beside theirs."""
    noise = Noise(module.plan.seed, batch.rows, purpose="health", device=batch.data.device)
    measured = dict(module.health(batch, noise))
    if isinstance(module, LatentSpace) and isinstance(module.spec, ArraySpec) and len(batch) >= FEWEST:
        latent = module.prior(noise)
        drawn = module.decode(latent, batch.labels)
        measured["diversity"] = diversity(drawn, batch.data)
        if batch.labels is not None and "label" in [option.name for option in module.options]:
            measured |= _of_labels(module, latent, drawn, batch.data, batch.labels)
    return measured


def _of_labels(
    space: LatentSpace, latent: Tensor, drawn: Tensor, real: Tensor, labels: Tensor
) -> dict[str, float]:
    """`class_diversity`: as `diversity`, between examples of one class.  `label_effect`: how far an example
    moves when its label is another row's, by how far apart two drawn examples are; 0 where labels do nothing.
    """
    measured = {}
    alike = torch.ones(len(labels), len(labels), dtype=torch.bool, device=labels.device).triu(1)
    alike = alike[alike] & (labels[:, None] == labels)[alike]  # in the order of pdist
    if alike.any():
        ours, theirs = (_distances(examples)[alike].mean() for examples in (drawn, real))
        measured["class_diversity"] = float(ours / theirs.clamp(min=1e-12))
    others = labels.roll(1)
    if (changed := others != labels).any():
        moved = (space.decode(latent, others) - drawn).flatten(1).float().norm(dim=1)[changed].mean()
        measured["label_effect"] = float(moved / _distances(drawn).mean().clamp(min=1e-12))
    return measured


def diversity(drawn: Tensor, real: Tensor) -> float:
    """Mean distance between two drawn examples by that between two real ones, (B, …) each.

    1 where samples differ as the data do, 0 where they are all the same.  Blurred samples are a little
    nearer to each other than sharp ones.
    """
    return float(_distances(drawn).mean() / _distances(real).mean().clamp(min=1e-12))


def _distances(examples: Tensor) -> Tensor:
    """Between each two of N examples, in the order of `torch.pdist`, (N (N - 1) / 2,)."""
    return torch.pdist(examples.flatten(1).float())
