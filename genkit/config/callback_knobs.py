"""The knobs of what is done while a training runs, and of where its numbers are logged."""

from collections.abc import Iterator
from typing import Annotated, Literal

from genkit.core.knobs import GIVEN, Clash, Knobs, knob


class CheckpointKnobs(Knobs, frozen=True):
    every: Annotated[int, knob("null: at each validation", ge=1, unit="steps")] | None = None
    keep: Annotated[
        int,
        knob(
            "newest ones, besides the best",
            ge=2,
            advice="keep at least two, so that there is another when the last one is damaged",
        ),
    ] = 2


class SamplesKnobs(Knobs, frozen=True):
    every: Annotated[int, knob("null: at each validation", ge=1, unit="steps", only={"n": GIVEN})] | None = (
        None
    )
    n: Annotated[
        int,
        knob(
            "drawn each time; 0: none",
            ge=0,
            le=10_000,
            unit="samples",
            advice="give a number of samples, at most 10,000 (genkit sample draws more)",
        ),
    ] = 16


class MetricsKnobs(Knobs, frozen=True):
    n: Annotated[
        int,
        knob(
            "samples, and validation images at most; 0: none, and the last checkpoint is kept",
            ge=0,
            le=100_000,
            advice="give from 4 to 100,000 samples, or 0",
        ),
    ] = 500
    extractor: Annotated[str, knob("null: the one that fits the data", only={"n": GIVEN})] | None = None

    def clashes(self) -> Iterator[Clash]:
        if 0 < self.n < 4:
            yield Clash(("n",), "give from 4 to 100,000 samples, or 0")


class StoppingKnobs(Knobs, frozen=True):
    metric: Annotated[str, knob("such as val/nll; null: the budget alone ends a run")] | None = None
    patience: Annotated[
        int,
        knob(
            "without progress",
            ge=1,
            unit="validations",
            advice="give a number of validations",
            only={"metric": GIVEN},
        ),
    ] = 3
    mode: Annotated[Literal["min", "max"], knob("what is better", only={"metric": GIVEN})] = "min"


class CallbackKnobs(Knobs, frozen=True):
    """What is done while a training runs."""

    checkpoint: CheckpointKnobs
    samples: SamplesKnobs
    metrics: MetricsKnobs
    early_stopping: StoppingKnobs
    progress: Annotated[Literal["rich", "plain", "none"], knob("of a training, on the terminal")] = "rich"

    def clashes(self) -> Iterator[Clash]:
        for clash in self.metrics.clashes():
            yield Clash(tuple(f"metrics.{key}" for key in clash.keys), clash.advice)


class LoggerKnobs(Knobs, frozen=True):
    """Where numbers are logged."""

    names: Annotated[tuple[Literal["csv", "tensorboard", "wandb", "mlflow"], ...], knob("all of them")] = ()
