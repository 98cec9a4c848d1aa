"""Metrics of samples while a training runs, by the code that evaluates: they pick the best checkpoint."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from genkit.core.module import GenerativeModule, ours
from genkit.data.dataset import Dataset
from genkit.data.real import pictures, real_pictures, unchanged
from genkit.data.splits import FEWEST
from genkit.inference.held_out import sample_held_out
from genkit.metrics.extractors import AskedExtractor, Extractor, extractor
from genkit.metrics.features import Features, collect
from genkit.metrics.panel import METRICS, image_measures
from genkit.system.errors import ConfigError

SEED = 0  # the same samples' noise at each validation, so that differences are the network's


def sampled_metric(select: str | None) -> str | None:
    """The metric of samples that a model selects by ("val/kid" → "kid"); None where it is no such metric."""
    name = (select or "").removeprefix("val/")
    return name if name in METRICS else None


class SampledMetric(Callback):
    """Logs `val/<metric>` of a bounded number of samples against as many validation images.

    Samples are drawn from noise of their own, so the training goes on as if nothing had happened.

    Args:
        metric: of `genkit.metrics.panel.METRICS`, lower is better.
        n: samples, and validation images at most.
        name: of the extractor; None: the one that fits the data.

    Raises:
        ConfigError: there is no extractor of such data, it needs weights that are not here, or a higher value
            of the metric is better.
    """

    def __init__(self, metric: str, dataset: Dataset, n: int, name: str | None = None) -> None:
        medium, array = dataset.spec.medium, dataset.spec.array
        extractor_name = name or (None if array is None else medium.extractor(array))
        if extractor_name is None:
            raise ConfigError(
                f"model.select=val/{metric} needs examples that have features, as images, and {dataset.name}"
                f" is of {medium.many}; model.select=null keeps the last checkpoint."
            )
        AskedExtractor(name).check()
        self.metric, self.dataset, self.n = metric, dataset, n
        self.name = extractor_name
        self._made: tuple[Extractor, Features] | None = None

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module = ours(pl_module)
        value = self._measure(module) if trainer.is_global_zero else None
        value = trainer.strategy.broadcast(value)
        # All processes log the first one's number: each decides by it whether this checkpoint is the best.
        module.log(f"val/{self.metric}", torch.tensor(value, dtype=torch.float64), rank_zero_only=True)

    def _measure(self, module: GenerativeModule) -> float:
        made, real = self._real(module.device)
        # While validating the module holds the weights that `sample()` would draw from.
        held_out = self.dataset.split("validation")
        samples = sample_held_out(module, self.n, held_out, seed=SEED, weights="raw", batch_size=250)
        measure = image_measures(real, collect(made, [pictures(samples)]), (self.metric,))[0]
        if measure.direction != "lower":
            raise ConfigError(f"model.select=val/{self.metric}: higher is better; select by a distance.")
        return measure.value

    def _real(self, device: torch.device) -> tuple[Extractor, Features]:
        """The extractor and the features of the validation images, made once."""
        if self._made is None:
            made, array = extractor(self.name).on(device), self.dataset.spec.array
            made = made if array is None else made.reading(array)
            examples = unchanged(self.dataset.split("validation"))
            rows = examples.some(self.n)
            if len(rows) < FEWEST:
                many = self.dataset.spec.medium.many
                raise ConfigError(
                    f"model.select=val/{self.metric} needs {FEWEST} validation {many}, and"
                    f" {self.dataset.name} has {len(rows)}; set data.validation={FEWEST}, or keep the last"
                    " checkpoint by model.select=null."
                )
            self._made = made, collect(made, real_pictures(self.dataset.spec, examples, rows))
        return self._made
