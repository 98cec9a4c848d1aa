"""What a model makes of the second half of clips whose first half it is given, beside trivial predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.capabilities import TokenLikelihood
from genkit.core.codecs import ArrayCodec
from genkit.core.observation import Mask, mask
from genkit.core.spec import ArraySpec
from genkit.core.token_arrays import expected_arrays
from genkit.data.dataset import Examples
from genkit.data.loading import Gather
from genkit.data.real import given_captions, in_full, unchanged
from genkit.evaluation.subject import Found, Subject, reasons
from genkit.inference.scoring import conditions
from genkit.inference.verbs import complete
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Evidence
from genkit.metrics.of_predictions import OF_CHANCES, OF_DRAWS
from genkit.metrics.panel import beside, measured
from genkit.metrics.prediction import Predictions
from genkit.runs.rows import Row, missing
from genkit.system.errors import ConfigError, Unmeasurable
from genkit.system.progress import progress

LEARNT = 2_000  # training clips that the mean frame is of
NUMBERS = 2**24  # chances of tokens that are held at once: 64 MiB


def prediction(subject: Subject, metrics: Sequence[Metric]) -> Found:
    """Of some clips of the part that judges, from all of it, and several draws of each.

    What a model cannot do is a row with the reason; what is trivial is told beside every model.
    """
    array = subject.dataset.spec.array
    assert array is not None
    if array.sizes[0] < 2:
        return Found(missing=_absent(metrics, "a clip has a single frame"))
    made = _Made(subject, array)
    draws, chances, absent = None, None, list[Row]()
    with subject.module.weights(subject.settings.weights):
        truth = torch.cat([batch.data.cpu() for batch, _ in made.batches()])
        if of_draws := [metric for metric in metrics if metric.name in OF_DRAWS]:
            draws, why = _or_reason(made.draws)
            absent += _absent(of_draws, why) if draws is None else []
        if of_chances := [metric for metric in metrics if metric.name == OF_CHANCES]:
            chances, why = _or_reason(made.chances)
            absent += _absent(of_chances, why) if chances is None else []
    seen = made.predictions(truth, draws, chances)
    refused: list[Unmeasurable] = []
    evidence = Evidence(predictions=seen)
    model = measured(metrics, evidence, refused)
    notes = {OF_CHANCES: _worth(subject, array)} if chances is not None else {}
    ceiling = beside(metrics, "ceiling", evidence, lambda: evidence)
    return Found(model, ceiling=ceiling, missing=[*absent, *reasons(refused)], notes=notes)


def _absent(metrics: Sequence[Metric], why: str) -> list[Row]:
    return [missing(metric.name, metric.unit, f"none: {why}") for metric in metrics]


def _or_reason(make: Callable[[], Tensor]) -> tuple[Tensor | None, str]:
    """What a model makes, or why it makes nothing."""
    try:
        return make(), ""
    except ConfigError as error:
        return None, str(error).rstrip(".")


def _codec(subject: Subject) -> ArrayCodec | None:
    """By which a clip is tokens, where the model reads them."""
    spec = subject.dataset.spec
    return spec.array_codec if spec.kind == "tokens" else None


def _worth(subject: Subject, array: ArraySpec) -> str:
    """What a cross-entropy of frames says of the likelihood."""
    codec = _codec(subject)
    if array.levels > 2:
        return "grey levels count as chances: a cross-entropy, no likelihood, which is nll"
    if codec is not None and codec.joined > 1:
        return "each pixel of a patch by its own chance: no less than the exact likelihood, which is nll"
    return "of pixels that are 0 or 1, one by one: the exact likelihood of these frames"


@dataclass(frozen=True)
class _Made:
    """What a model makes of some clips of the part that judges.

    Attributes:
        array: what a clip is, as the model reads it.
    """

    subject: Subject
    array: ArraySpec

    @property
    def hidden(self) -> Mask:
        """The first half of the frames is known."""
        return mask("end", self.array.sizes, axes=self.array.names)

    @property
    def given(self) -> int:
        """Frames that are known."""
        return int(self.hidden.known.flatten(1).all(1).sum())

    def batches(self, size: int | None = None) -> Iterator[tuple[Batch, Batch]]:
        """The clips as arrays from 0 to 1, and as the model reads them."""
        examples = unchanged(self.subject.examples)
        rows = examples.some(self.subject.settings.clips)
        return self._read(examples, rows, size or self.subject.settings.batch_size)

    def _read(self, examples: Examples, rows: np.ndarray, size: int) -> Iterator[tuple[Batch, Batch]]:
        module = self.subject.module
        gather = Gather(in_full(examples), module.device)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            batch = gather(part, range(start, start + len(part)))
            arrays = given_captions(module.spec, module.as_arrays(batch), examples.called(part))
            yield arrays, module.prepare(batch.to(module.device))

    def draws(self) -> Tensor:
        """Clips whose second half is drawn, as often as is asked for, (K, n, C, T, H, W).

        Raises:
            ConfigError: the model cannot.
        """
        module, settings = self.subject.module, self.subject.settings
        found: list[list[Tensor]] = [[] for _ in range(settings.draws)]
        with progress("predicting frames", settings.draws * settings.clips) as advance:
            for batch, _ in self.batches():
                known = self.hidden.measure(batch.data)
                for number, own in enumerate(found):
                    drawn = complete(module, self.hidden, known, batch, seed=settings.seed + number)
                    own.append(drawn.clamp(0, 1).cpu())
                    advance(len(drawn))
        return torch.stack([torch.cat(own) for own in found])

    @torch.no_grad()
    def chances(self) -> Tensor:
        """The level that is expected of each number given all before it, (n, C, T, H, W).

        Raises:
            ConfigError: the model does not say it.
        """
        module, codec = self.subject.module, _codec(self.subject)
        if not isinstance(module, TokenLikelihood) or codec is None:
            kind = type(module).__name__
            raise ConfigError(
                f"{kind} says no chance of each pixel given those before it, but of whole clips"
            )
        if module.context < codec.length:
            raise ConfigError(f"a clip has {codec.length} tokens, and the model reads {module.context}")
        size = max(1, NUMBERS // (codec.length * codec.vocab_size))
        whole = [expected_arrays(codec, module.token_chances(own)).cpu() for _, own in self.batches(size)]
        return torch.cat(whole)

    def mean_frame(self) -> Tensor:
        """The mean over all frames of training clips, (C, H, W)."""
        train = unchanged(self.subject.dataset.split("train"))
        rows = train.some(LEARNT)
        size = self.subject.settings.batch_size
        total = sum(batch.data.double().sum((0, 2)).cpu() for batch, _ in self._read(train, rows, size))
        return torch.as_tensor(total / (len(rows) * self.array.sizes[0])).float()

    def predictions(self, truth: Tensor, draws: Tensor | None, chances: Tensor | None) -> Predictions:
        """Of the hidden frames alone, with what is predicted without a model."""
        given, length = self.given, self.array.sizes[0]
        end = truth[:, :, given:]
        trivial = {
            "mean_frame": self.mean_frame()[None, :, None].expand_as(end),
            "last_frame": truth[:, :, given - 1 : given].expand_as(end),
            "black": torch.zeros_like(end),
        }
        frame = "×".join(map(str, (self.array.channels, *self.array.sizes[1:])))
        return Predictions(
            end,
            trivial,
            None if draws is None else draws[:, :, :, given:],
            None if chances is None else chances[:, :, given:],
            about={"given": f"{given} of {length} frames", "frame": frame},
            told={"told": told} if (told := conditions(self.subject.module)) != "nothing" else {},
        )
