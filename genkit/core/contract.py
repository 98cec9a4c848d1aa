"""What a family is: what it writes, what it is made of, how it sees its data."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Generic, final, get_args, get_origin

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from typing_extensions import TypeVar  # with a default, which typing has from Python 3.13 on

from genkit.core.batch import Batch
from genkit.core.capabilities import CAPABILITIES, Conditional, Likelihood
from genkit.core.clock import Clock
from genkit.core.ema import MovingAverage
from genkit.core.finiteness import LateCheck
from genkit.core.noise import Noise
from genkit.core.options import Option, Options
from genkit.core.phase import Phase
from genkit.core.plan import TrainingPlan
from genkit.core.rule import Rule
from genkit.core.spec import DataSpec, Spec
from genkit.core.token_arrays import unit_arrays
from genkit.system.errors import ConfigError

_SET_OFTEN = frozenset({"_current_fx_name", "_current", "_watched", "terms", "gradients"})
S = TypeVar("S", bound=Spec, default=Spec, covariant=True)  # what a family reads


class Contract(LightningModule, Generic[S]):
    """What a family writes, and what it is told.

    A family says what it reads: `class Flow(GenerativeModule[ArraySpec])`; one that says nothing reads both.

    Args:
        spec: what the data is.

    Raises:
        ConfigError: it is not what the family reads.

    Attributes:
        reads: what the class says that it reads.
        options: the sampling options that the family takes; an instance may have others than its class.
        units: the unit of each term of `score_batch`.
        rules: what its trainings must keep beyond what any must, over numbers that its phases, `score_batch`
            and `health` report.
        remedies: what its own knobs can do about general findings, by their code: "set model.dropout".
        samples_note: what a person must know of what `draw` draws, in a line; "" where nothing.
        terms: the last training step's loss terms, by name; tensors, read them with `float`.
        gradients: the norm of each phase's gradient in that step, before clipping, as `gradient/<phase>`.
    """

    reads: ClassVar[type[DataSpec]] = DataSpec
    options: tuple[Option, ...] = ()
    units: Mapping[str, str] = {}
    rules: tuple[Rule, ...] = ()
    remedies: Mapping[str, str] = {}
    samples_note: str = ""
    spec: S

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        for base in cls.__dict__.get("__orig_bases__", ()):
            if isinstance(origin := get_origin(base), type) and issubclass(origin, Contract):
                cls.reads = next((said for said in get_args(base) if isinstance(said, type)), cls.reads)

    def __init__(self, spec: S) -> None:
        super().__init__()
        if not isinstance(spec, self.reads):
            raise ConfigError(
                f"{type(self).__name__} reads {self.reads.kind}, and this data comes as {spec.kind}; set"
                f" model.view={self.reads.kind}, or choose another model."
            )
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
        self._watched: list[tuple[str, Tensor]] = []  # numbers of an update that must be finite
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
    def draw(self, noise: Noise, condition: Sequence[Any], options: Options) -> Tensor | list[Tensor]:
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

        `rules` read them, and so do those of `genkit.diagnostics.general_rules`.  Called at each validation,
        so it should be cheap.
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
        """Steps over which something of the model's own loss rises from 0, by name; it is looked whether the
        training is that long."""
        return {}

    # ------------------------------------------------------------------ what it is

    @final
    def capabilities(self) -> dict[str, str]:
        """Names of the capabilities that hold for this instance, each with a remark (or "")."""
        held = {c.__name__: "" for c in CAPABILITIES if isinstance(self, c)}
        if isinstance(self, Likelihood):
            held["Likelihood"] = str(self.likelihood_kind())
        if isinstance(self, Conditional):
            held["Conditional"] = ", ".join(o.name for o in self.options if o.name in self.by)
            if not held["Conditional"]:
                del held["Conditional"]
        return held

    @final
    def prepare(self, batch: Batch) -> Batch:
        """A batch as a family expects it: levels to floats in [0, 1], narrow ids to int64."""
        spec: Spec = self.spec
        if spec.kind == "arrays":
            if not batch.data.is_floating_point():
                return replace(batch, data=batch.data.float().div_(spec.levels - 1))
        elif batch.data.dtype != torch.int64:
            return replace(batch, data=batch.data.long())
        return batch

    @final
    def as_arrays(self, batch: Batch) -> Batch:
        """A batch of this model's data as arrays in [0, 1], (B, C, *sizes), on the model's device.

        Args:
            batch: as the model reads it, or the levels of arrays whose tokens it reads.

        Raises:
            ConfigError: the data are no arrays, nor tokens that were made of some.
        """
        spec: Spec = self.spec
        batch = batch.to(self.device)
        if spec.array is not None and batch.data.shape[1:] == spec.array.shape and spec.kind == "tokens":
            return Batch(batch.data.float() / (spec.array.levels - 1), batch.rows, batch.labels)
        batch = self.prepare(batch)
        if spec.kind == "arrays":
            return batch
        if spec.array is None:
            trained = spec.medium.many
            raise ConfigError(
                f"{type(self).__name__} was trained on {trained}; this needs arrays, as images."
            )
        data = unit_arrays(spec, batch.data[:, spec.caption_length + 1 :])  # after the start
        return Batch(data, batch.rows, batch.labels)

    @final
    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        if not isinstance(batch, Batch):
            raise ConfigError(
                f"{type(self).__name__} learns from genkit.core.batch.Batch(data, rows), not from"
                f" {type(batch).__name__}; give Trainer.fit a loader of those."
            )
        return self.prepare(batch.to(device))
