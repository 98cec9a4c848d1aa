"""What is evaluated: a run's model with its data, and how."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from genkit.config import Config
from genkit.core.module import GenerativeModule
from genkit.core.options import resolve_options
from genkit.core.samples import Samples
from genkit.core.spec import TokenSpec
from genkit.data.dataset import Dataset, Examples
from genkit.data.real import motifs_of, same
from genkit.inference.held_out import ASKED, held_out_prompts, sample_held_out
from genkit.metrics.catalogue import offers
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Evidence
from genkit.metrics.measure import Measure
from genkit.metrics.panel import beside, measured
from genkit.runs import Record
from genkit.runs.rows import Place, Row, missing
from genkit.system.errors import ConfigError, Unmeasurable
from genkit.system.progress import progress

CHUNK = 500  # samples in memory at once
GREEDY = {"temperature": 0.0}  # how pairs are answered, unless told otherwise


@dataclass(frozen=True)
class Settings:
    """How to evaluate.

    Attributes:
        n: samples; None: as many as the medium draws, 1,000 images or 500 texts.
        split: what they are compared with.
        real: a folder of pictures of the user's own in its place; None: the split.
        extractor: of the features of images; None: the one that fits the data.
        extractor_weights: its file of weights, where it does not bring its own.
        metrics: the metrics or groups of them to measure; None: all that the model and its data allow.
        importance_samples: k of a likelihood that is a bound.
        stride: tokens that a window of a text scores.
        clips, draws: that predictions of video rest on, and draws of each.
        featuriser: of texts, for MAUVE: "ngrams", the same for all runs, or "own", the run's network.
        data_path: where the run's data is now; None: where the run found it.
        say: told what was made of the pictures of `real`; None: it is logged.
        sampling: options of `sample()`, such as `{"pixels": "drawn"}`; the others have their defaults.
    """

    n: int | None = None
    split: str = "test"
    real: str | None = None
    seed: int = 0
    extractor: str | None = None
    extractor_weights: str | None = None
    metrics: tuple[str, ...] | None = None
    weights: str = "ema"
    device: str = "cpu"
    batch_size: int = 64
    importance_samples: int = 1
    stride: int | None = None
    clips: int = 100
    draws: int = 5
    featuriser: str = "ngrams"
    data_path: str | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    say: Callable[[str], None] | None = None


@dataclass
class Found:
    """What a group of metrics gave: measures by role, rows for what there is not, notes on the model's."""

    model: list[Measure] = field(default_factory=list)
    floor: list[Measure] = field(default_factory=list)
    ceiling: list[Measure] = field(default_factory=list)
    missing: list[Row] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)


@dataclass
class Subject:
    """A model in evaluation mode on its device, its data, and the clock of what it has drawn."""

    module: GenerativeModule
    dataset: Dataset
    settings: Settings
    cfg: Config
    record: Record
    cache_dir: str
    seconds: float = 0.0
    drawn: int = 0

    @property
    def offers(self) -> frozenset[str]:
        """What data of its medium offer metrics, or pairs: they are judged by their answers."""
        pairs = {"texts", "source"} if self.pairs else {"answers"}
        judging = self.held_out
        known = judging is not None and motifs_of(judging) is not None
        motifs = set() if known else {"restylings"}
        return offers(self.dataset.spec.medium) - pairs - motifs

    @property
    def pairs(self) -> TokenSpec | None:
        """What the data are, where they are pairs of prompts and answers."""
        spec = self.dataset.spec
        return spec if spec.kind == "tokens" and spec.pairs is not None else None

    @property
    def coded(self) -> bool:
        """Whether what is drawn are the codes of another run's model."""
        spec = self.dataset.spec
        return spec.kind == "tokens" and spec.learned_codec is not None

    @property
    def examples(self) -> Examples:
        """The split that judges."""
        return self.dataset.split(self.settings.split)

    @property
    def held_out(self) -> Examples | None:
        """The same; None where a folder of the user's own judges, and the run's data is not opened."""
        return self.dataset.splits.get(self.settings.split)

    def another(self) -> str | None:
        """A held-out split that shares nothing with the one that judges; None where there is none."""
        for name in ("validation", "test"):
            other = self.dataset.splits.get(name)
            if other is not None and name != self.settings.split and not same(other, self.examples):
                return name
        return None

    def samples(self, n: int) -> Iterator[Samples]:
        """The first n samples of the seed, a part at a time."""
        with progress("drawing samples", n) as advance:
            for first in range(0, n, CHUNK):
                begun = time.perf_counter()
                part = self.sample(min(CHUNK, n - first), first)
                if self.coded:
                    _ = part.arrays  # to read codes is a part of drawing
                self.seconds += time.perf_counter() - begun
                self.drawn += len(part)
                advance(len(part))
                yield part

    def sample(self, n: int, first: int) -> Samples:
        """Samples first … first + n - 1 of the seed."""
        settings = self.settings
        return sample_held_out(
            self.module,
            n,
            self.held_out,
            seed=settings.seed,
            first=first,
            batch_size=settings.batch_size,
            weights=settings.weights,
            **settings.sampling,
        )

    def answers(self, prompts: Sequence[str], options: Mapping[str, Any]) -> Iterator[str]:
        """One answer of a model of pairs to each prompt.

        Args:
            options: of sampling.
        """
        with progress("answering", len(prompts)) as advance:
            for first in range(0, len(prompts), CHUNK):
                begun, part = time.perf_counter(), prompts[first : first + CHUNK]
                settings = self.settings
                made = self.module.sample(
                    1,
                    seed=settings.seed,
                    first=first,
                    batch_size=settings.batch_size,
                    weights=settings.weights,
                    **{**options, ASKED: list(part)},
                )
                self.seconds += time.perf_counter() - begun
                self.drawn += len(part)
                advance(len(part))
                yield from made.texts

    @property
    def options(self) -> dict[str, object]:
        """Every option of sampling with the value that it has here, those that are off left out.

        Raises:
            ConfigError: an option that the family does not declare, or several conditions at once.
        """
        given = {**(GREEDY if self.pairs else {}), **self.settings.sampling}
        found = resolve_options(self.module.options, given, type(self.module).__name__)
        if several := [name for name, value in found.items() if isinstance(value, list) and len(value) > 1]:
            raise ConfigError(f"{several[0]}: one evaluation is of one distribution; give one value.")
        said = {
            name: value for name, value in found.items() if value not in (None, "", []) and value is not False
        }
        if ASKED not in given and held_out_prompts(self.module, self.held_out, range(1)):
            spec = self.module.spec
            asked = "prompts" if spec.kind == "tokens" and spec.pairs is not None else "captions"
            said[ASKED] = f"{asked} of the {self.settings.split} part"
        return said


class Gathered(Protocol):
    """Samples of a subject beside real examples, as metrics look at them."""

    def evidence(self, role: str, train: bool) -> Evidence:
        """Of the model, its floor or its ceiling.

        Args:
            train: for metrics that set samples beside training examples.
        """


def found_of(metrics: Sequence[Metric], gathered: Gathered, whole: bool) -> tuple[Found, Evidence]:
    """What metrics of samples give, with floor and ceiling; and the evidence of the model.

    Args:
        whole: whether these are all of a group: where not one of them can be measured, the first reason is
            raised.

    Raises:
        Unmeasurable: there are too few samples for any.
    """
    train = any("train" in metric.needs for metric in metrics)
    refused: list[Unmeasurable] = []
    evidence = gathered.evidence("model", train)
    model = measured(metrics, evidence, refused)
    if whole and refused and not model:
        raise refused[0]

    def of(role: str) -> list[Measure]:
        return beside(metrics, role, evidence, lambda: gathered.evidence(role, train))

    return Found(model, of("floor"), of("ceiling"), reasons(refused)), evidence


def reasons(refused: Sequence[Unmeasurable]) -> list[Row]:
    """A row for each metric that could not be measured."""
    return [missing(metric, "1", error.reason) for error in refused for metric in error.metrics]


def to_rows(found: Sequence[Found], place: Place) -> list[Row]:
    """Rows of all roles, the model's first within a group."""
    rows: list[Row] = []
    for group in found:
        for role, measures in (("model", group.model), ("floor", group.floor), ("ceiling", group.ceiling)):
            where = replace(place, role=role)
            for measure in measures:
                note = group.notes.get(measure.metric, "") if role == "model" else ""
                rows.append(Row(**vars(measure), note=note, fingerprint=measure.fingerprint, place=where))
        rows += [replace(row, place=place) for row in group.missing]
    return rows
