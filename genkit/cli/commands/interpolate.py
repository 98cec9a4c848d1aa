"""`genkit interpolate`, declared."""

from __future__ import annotations

from typing import Literal

from genkit.cli.command import Command, word
from genkit.cli.example_words import ExampleSettings


class InterpolateSettings(ExampleSettings):
    steps: int = word(9, "images in a row", low=2, high=100)
    path: Literal["spherical", "linear"] = word("spherical", "of the latents")
    label: str | None = word(None, "of which class (default: drawn)", kind="name")


COMMAND = Command(
    "images between two latents",
    InterpolateSettings,
    "genkit.cli.example_commands:interpolate",
    usage="run=RUN [path=spherical]",
)
