"""`genkit data`, declared."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from genkit.cli.command import Command, CommandSettings, CommandWord, word


class DataSettings(CommandSettings):
    action: Literal["look", "check", "pack", "show"] = word("look", "what to do", bare=True)
    n: int = word(64, "show: how many examples", low=1, high=100_000)
    part: Literal["train", "validation", "test"] = word("train", "show: which part of the data")
    out: Path | None = word(
        None,
        "show: a file, or a folder with a file each (default: NAME-PART.png, or the terminal for texts)",
        kind="output",
        shown="FILE | FOLDER",
    )
    words: tuple[str, ...] = word(
        (), "any other word of genkit train, as a training would read it", below=("",)
    )


COMMAND = Command(
    "list, inspect, check, pack, show datasets",
    DataSettings,
    "genkit.cli.data:data",
    usage="[look|check|pack|show] [data=NAME]",
    configured=(
        CommandWord("data", "name", None, "which dataset"),
        CommandWord("data.path", "path", None, "where it is", shown="PLACE"),
        CommandWord("model", "name", None, "look: the data as a model sees it"),
    ),
    more="""\
  genkit data          the datasets
  genkit data look     its shape, its parts, its fingerprint
  genkit data check    unreadable files, sizes, duplicates, overlap, classes, blank content
  genkit data pack     read it once into paths.cache_dir, as the first training would
  genkit data show     a grid of images, or texts""",
)
