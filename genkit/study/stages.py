"""The composed stages of an arm: its run, and the codec that is trained before it where it has one.

Before anything trains, the codes that nobody has made yet have a shape and a number, which is all that a plan
asks of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genkit import config, data
from genkit.config import Config
from genkit.inference.run_data import open_data
from genkit.system.errors import ConfigError

if TYPE_CHECKING:
    from genkit.data.dataset import Dataset

ENDING = "-codec"  # of the name of a codec's run; those of a study's members end in a number


@dataclass(frozen=True)
class Stages:
    """The composed configurations of an arm.

    Attributes:
        run: of the run that stands in the results; its codec has a name that no run has yet.
        codec: of what is trained before it; None: nothing is.
    """

    run: Config
    codec: Config | None = None

    def dataset(self, paths: Mapping[str, str]) -> Dataset:
        """The data as the arm's run reads it.  Codes that are still to be made are all 0.

        Raises:
            ConfigError: the arm's codec makes none, or not of these data.
            DataError: the data cannot be had.
        """
        if self.codec is None:
            return open_data(self.run, paths)
        from genkit.inference.models import build_module
        from genkit.inference.run_coder import as_codec

        arrays = open_data(self.codec, paths)
        arrays.check_batch(self.codec.batch_size)
        codec = as_codec(build_module(self.codec.model, arrays.spec), "")
        dataset = data.open_dataset(self.run.data, paths, config.view(self.run), codec)
        if not dataset.has_examples_of(arrays):
            raise ConfigError(
                "its codec would be trained on other examples, or another split of them, than what learns its"
                " codes; give both the same words of data."
            )
        return dataset

    def frozen(self, arm: str, seed: int, name: str) -> str:
        """What a member's config.yaml holds, with its seed and its name, and those of its codec's run."""
        return config.freeze(config.replace(self.run, of_member(arm, seed, name, coded=bool(self.codec))))


def of_member(arm: str, seed: int, name: str, *, coded: bool) -> dict[str, object]:
    """What sets a member's configuration apart from that of its arm.

    Args:
        coded: whether the arm trains a codec.
    """
    codec = {"data.codec": codec_name(arm, seed)} if coded else {}
    return {"seed": seed, "name": name, **codec}


def codec_name(arm: str, seed: int) -> str:
    """The name of the run that trains an arm's codec with a seed."""
    return f"{arm}-{seed}{ENDING}"
