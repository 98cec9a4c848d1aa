"""`genkit upscale`, declared."""

from __future__ import annotations

from typing import Literal

from genkit.cli.command import Command, word
from genkit.cli.example_words import Observed


class UpscaleSettings(Observed):
    factor: int = word(2, "side of the blocks whose means are known", low=2, high=64)
    along: Literal["space", "time", "all"] | None = word(
        None, "the axes of which means are known (default: space of videos, else all)"
    )


COMMAND = Command(
    "images of which means are known",
    UpscaleSettings,
    "genkit.cli.example_commands:upscale",
    usage="run=RUN [image=FILE] [factor=2]",
)
