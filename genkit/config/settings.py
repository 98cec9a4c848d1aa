"""All that a training is set by: the trainer, the budget, paths, what stands in no group, every group."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from genkit.config.callback_knobs import CallbackKnobs, LoggerKnobs
from genkit.config.optim_knobs import OptimKnobs
from genkit.core.budget import UNITS
from genkit.core.knobs import GIVEN, Clash, DataKnobs, Idle, Knobs, ModelKnobs, knob, knobs_of


class TrainerKnobs(Knobs, frozen=True):
    """Where and how a training runs."""

    accelerator: Annotated[Literal["auto", "cpu", "gpu", "mps"], knob("auto: the best of this machine")] = (
        "auto"
    )
    devices: Annotated[
        int, knob("on each node", ge=1, unit="processes", advice="give at least one process")
    ] = 1
    num_nodes: Annotated[int, knob("machines", ge=1, advice="give at least one machine")] = 1
    strategy: Annotated[Literal["auto", "ddp"], knob("of several processes")] = "auto"
    precision: Annotated[Literal["32-true", "bf16-mixed", "16-mixed"], knob("16-mixed on a GPU alone")] = (
        "32-true"
    )
    compile: Annotated[bool, knob("torch.compile each network")] = False
    overfit: Annotated[bool, knob("train on the first batch alone, again and again")] = False
    accumulate: Annotated[
        int,
        knob("of a batch, for memory; batch normalisation sees one at a time", ge=1, unit="micro-batches"),
    ] = 1
    val_every: (
        Annotated[int, knob("between validations; null: a fifth of the budget", ge=1, unit="steps")] | None
    ) = None
    val_batches: Annotated[int, knob("of a validation; null: all", ge=1, unit="batches")] | None = None
    val_batch_size: (
        Annotated[
            int,
            knob("in every process; null: 128 or a process's share, in 1 GB", ge=1, unit="examples"),
        ]
        | None
    ) = None
    log_every: Annotated[
        int, knob("between rows of metrics.csv", ge=1, unit="steps", advice="give a number of steps")
    ] = 50
    threads: (
        Annotated[
            int, knob("of each process, at most one a core; null: torch's choice", ge=1, unit="threads")
        ]
        | None
    ) = None
    matmul: Annotated[
        Literal["highest", "high", "medium"], knob("float32 products and convolutions; high: TF32 on a GPU")
    ] = "highest"

    @property
    def processes(self) -> int:
        return self.devices * self.num_nodes

    def clashes(self) -> Iterator[Clash]:
        if self.strategy == "auto" and self.processes > 1:
            yield Clash(("strategy", "devices", "num_nodes"), "several processes need trainer.strategy=ddp")
        if self.accelerator == "cpu" and self.precision == "16-mixed":
            yield Clash(
                ("accelerator", "precision"), "a CPU has no fp16 training; choose bf16-mixed or 32-true"
            )
        if self.accelerator == "mps" and self.precision != "32-true":
            yield Clash(("accelerator", "precision"), "Apple's GPU trains in 32-true")


class BudgetKnobs(Knobs, frozen=True):
    """How long to train: one number in one unit."""

    steps: (
        Annotated[
            int,
            knob(
                "updates; a GAN's step updates both networks",
                ge=1,
                unit="steps",
                advice="give a number of steps",
            ),
        ]
        | None
    ) = None
    epochs: (
        Annotated[float, knob("passes over the training data", gt=0, advice="give a positive number")] | None
    ) = None
    examples: Annotated[float, knob("examples", ge=1, advice="give a number of examples")] | None = None
    tokens: (
        Annotated[float, knob("of texts: windows × their context", ge=1, advice="give a number of tokens")]
        | None
    ) = None
    seconds: (
        Annotated[
            float,
            knob(
                "of training steps; validations and checkpoints are not charged",
                gt=0,
                advice="give a positive number",
            ),
        ]
        | None
    ) = None

    @property
    def unit(self) -> str:
        """The one unit that has a number."""
        return next(unit for unit in UNITS if getattr(self, unit) is not None)

    @property
    def amount(self) -> float:
        """Of the unit."""
        return float(getattr(self, self.unit))


class PathKnobs(Knobs, frozen=True):
    """Where things are."""

    data_dir: Annotated[str, knob("of datasets (GENKIT_DATA_DIR)")] = "data"
    runs_dir: Annotated[str, knob("of runs (GENKIT_RUNS_DIR)")] = "runs"
    cache_dir: Annotated[str, knob("of packed data (GENKIT_CACHE_DIR)")] = "~/.cache/genkit"

    @property
    def by_name(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__struct_fields__}


class RunKnobs(Knobs, frozen=True):
    """What stands in no group."""

    name: (
        Annotated[str, knob("of the run's folder; null: from model, data, time and a random suffix")] | None
    ) = None
    seed: Annotated[
        int,
        knob(
            "of weights, noise, order and dropout",
            ge=0,
            le=2**32 - 1,
            advice="give a seed from 0 to 4294967295",
        ),
    ] = 0
    batch_size: Annotated[
        int,
        knob(
            "of the global batch, at any number of processes",
            ge=1,
            unit="examples",
            advice="give at least one example",
        ),
    ] = 32
    resume: Annotated[str, knob("a run to go on with")] | None = None
    init_from: Annotated[str, knob("a run whose weights to begin with")] | None = None
    pretrained: (
        Annotated[str, knob("a model of Hugging Face to begin with: a folder, or a name on the hub")] | None
    ) = None
    accept_new_data: Annotated[bool, knob("resume on data that has changed", only={"resume": GIVEN})] = False
    strict: Annotated[bool, knob("end, with exit code 5, at a finding of severity error")] = False


GROUPS: Mapping[str, type[Knobs]] = {
    "": RunKnobs,
    "optim": OptimKnobs,
    "trainer": TrainerKnobs,
    "callbacks": CallbackKnobs,
    "logger": LoggerKnobs,
    "budget": BudgetKnobs,
    "paths": PathKnobs,
}


class Config(RunKnobs, frozen=True, kw_only=True):
    """A whole configuration: every knob by its group, typed; another one is made by `genkit.config.replace`.

    Attributes:
        plain: the values as a run's config.yaml holds them, nothing added; they are not to be changed.
        choices: the option that each group was chosen by.
    """

    model: ModelKnobs
    data: DataKnobs
    optim: OptimKnobs
    trainer: TrainerKnobs
    callbacks: CallbackKnobs
    logger: LoggerKnobs
    budget: BudgetKnobs
    paths: PathKnobs
    plain: dict[str, Any]
    choices: dict[str, str | None]

    def clashes(self) -> Iterator[Clash]:
        trainer = self.trainer
        if self.batch_size % trainer.accumulate:
            yield Clash(
                ("batch_size", "trainer.accumulate"), "make batch_size a multiple of trainer.accumulate"
            )
        if self.batch_size % trainer.processes:
            yield Clash(
                ("batch_size", "trainer.devices", "trainer.num_nodes"),
                "make batch_size a multiple of the number of processes",
            )
        for other in ("resume", "pretrained"):
            if getattr(self, other) and self.init_from:
                yield Clash((other, "init_from"), "give one of them")

    def idle(self) -> Iterator[Idle]:
        """What one group makes useless in another."""
        if self.model.select is None:
            for key in ("callbacks.metrics.n", "callbacks.metrics.extractor"):
                yield Idle(key, "model.select=val/kid or another metric of samples")
        if self.model.view == "arrays":
            for key in ("data.patch", "data.captions"):
                yield Idle(key, "a model that reads tokens, such as model=gpt_pixels")
        for phase, needs in self.model.untrained():
            yield from (Idle(f"optim.{phase}.{name}", needs) for name in knobs_of(OptimKnobs))
