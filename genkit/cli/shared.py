"""The words that several commands share, each declared once, and what they mean.

A command that looks for runs is `Placed`, one of a run `OfRun`, one that loads its model `OfModel`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from genkit.cli.command import CommandSettings, required, word
from genkit.core.options import Option
from genkit.system.errors import CheckpointError, closest
from genkit.system.terminal import say

if TYPE_CHECKING:
    from genkit.core.module import GenerativeModule

T = TypeVar("T")
Split = Literal["train", "validation", "test"]
Weights = Literal["ema", "raw"]
MOST_SAMPLES, MOST_SEED = 1_000_000, 2**32 - 1

OF_SEED = (
    "the same number draws the same samples again, another number others;"
    " asking for more keeps the first ones"
)
SEED: int = word(0, OF_SEED, low=0, high=MOST_SEED)
WEIGHTS: Weights = word("ema", "ema: the averaged weights, where the run has them; raw: those trained")
DEVICE: str = word("auto", "where the model runs", kind="device")
DATA_PATH: str | None = word(
    None, "where the run's data is now, if it was moved", name="data.path", kind="path"
)


def at_once(default: T, what: str) -> T:
    """The word `batch_size=`."""
    return word(default, f"{what} at once", low=1, high=1_000_000)


class Placed(CommandSettings):
    """A command that looks where runs, data and caches are."""

    places: tuple[str, ...] = word(
        (), "runs_dir, data_dir, cache_dir: where runs, data and packed data are", below=("paths.",)
    )

    @cached_property
    def paths(self) -> Mapping[str, str]:
        """The group `paths`: as typed, else from the environment, else the defaults."""
        from genkit import config

        return config.paths(self.places)


class OfRun(Placed):
    """A command on one run."""

    run: str = required("a run folder, its name in paths.runs_dir, or hf:USER/NAME of the hub", kind="run")

    @cached_property
    def folder(self) -> Path:
        """The run's folder, whose configuration can be read.

        Raises:
            ConfigError: there is no such run.
            CheckpointError: the folder is no run's, or is damaged.
        """
        from genkit import config, runs

        far = self.run.startswith("hf:")
        folder = self._fetched() if far else runs.find(self.run, self.paths["runs_dir"])
        config.load_frozen(folder / runs.CONFIG)
        return folder

    def _fetched(self) -> Path:
        """A run of the hub, fetched and verified; what it is pinned by is said when it is fetched."""
        from genkit.runs import hub_runs

        name = self.run.removeprefix(hub_runs.PREFIX)
        folder, digest, fresh = hub_runs.fetch(name, self.paths["cache_dir"])
        if fresh:
            say(f"note: {name} is verified; its digest is {digest}.", file=sys.stderr)
        return folder


class OfModel(OfRun):
    """A command that runs the model of a run."""

    checkpoint: str = word("last", "which of the run's checkpoints", kind="checkpoint")
    weights: Weights = WEIGHTS
    device: str = DEVICE

    def check_model(self) -> None:
        """See, without torch, that the checkpoint and the device are there.

        Raises:
            ConfigError: this machine has no such device.
            CheckpointError: the run has no such checkpoint.
        """
        from genkit.cli.hardware import check_device

        check_device("device", self.device, "device=auto")
        check_checkpoint(self.folder, self.checkpoint)

    def load(self, *, allow_nonfinite: bool = False) -> GenerativeModule:
        """The model, where it runs; of a run that is not finished, that is said.

        Raises:
            CheckpointError: the checkpoint is damaged.
        """
        from genkit.cli.hardware import torch_device
        from genkit.inference.models import load
        from genkit.runs import Run

        if unfinished := Run(self.folder).unfinished():
            say(f"note: {unfinished}", file=sys.stderr)
        device = torch_device(self.device)
        return load(self.folder, self.checkpoint, allow_nonfinite=allow_nonfinite).to(device)


def check_checkpoint(folder: Path, name: str) -> None:
    """Refuse a checkpoint that is not there; loading checks the rest.

    Raises:
        CheckpointError: those that are there are named.
    """
    place = folder / "checkpoints"
    if not (place / name).exists():
        have = steps(folder)
        said = f"{', '.join(have) or 'none: train it first'}.{closest(name, have)}"
        raise CheckpointError(f"checkpoint={name} is not in {os.path.abspath(place)}; it holds {said}")


def steps(folder: Path) -> list[str]:
    """The names of a run's checkpoints, newest first."""
    found = [path.name for path in (folder / "checkpoints").glob("step-*")]
    numbers = sorted((int(name[5:]) for name in found if re.fullmatch("[0-9]+", name[5:])), reverse=True)
    return [f"step-{number}" for number in numbers]


def declared_options(folder: Path) -> tuple[Option, ...]:
    """The options of sampling that the run's family declares.

    Raises:
        CheckpointError: the record is damaged.
    """
    from genkit import runs

    return runs.read(folder).options


def known_prompts(folder: Path) -> tuple[str, ...]:
    """What a run can be asked to draw by name: the captions of its classes; () where they are others.

    Raises:
        CheckpointError: the spec is damaged.
    """
    from genkit import runs

    spec = runs.spec(folder)
    return () if spec.kind != "tokens" or spec.captions is None else spec.captions.of_classes


def studies() -> list[str]:
    """The names of the studies that are installed."""
    from genkit import config

    return list(config.groups().get("study", {}))


def metrics() -> Iterator[tuple[str, ...]]:
    """Every metric: its name, unit, better direction and what it is."""
    from genkit.metrics.catalogue import catalogue

    yield from (("metric", "unit", "", "what it is"), *catalogue().listed())
