"""Validation: means over examples, of the weights that samples are drawn from, in float32."""

from __future__ import annotations

from typing import final

import torch

from genkit.core.batch import Batch
from genkit.core.contract import S
from genkit.core.drawing import Drawing
from genkit.core.noise import Noise
from genkit.core.returned import check_scores


class Validation(Drawing[S]):
    """Sums of a batch, one exchange at the end."""

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
        check_scores(scores, len(batch), type(self).__name__)
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
