"""`genkit export`, declared."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from genkit.cli.command import Command, required, word
from genkit.cli.shared import OfModel


class ExportSettings(OfModel):
    out: Path = required("a new folder", kind="output", shown="FOLDER")
    format: Literal["hf"] = word("hf", "hf: a folder that transformers loads")
    license: str | None = word(None, "of the weights, as model hubs call it: mit, cc-by-4.0", kind="text")
    max_shard: float = word(5.0, "gigabytes of a file of weights; more go into several", low=0.001, high=1e6)


COMMAND = Command(
    "hand a run to other libraries",
    ExportSettings,
    "genkit.cli.export:export",
    usage="run=RUN format=hf out=FOLDER",
)
