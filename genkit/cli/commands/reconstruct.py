"""`genkit reconstruct`, declared."""

from __future__ import annotations

from genkit.cli.command import Command
from genkit.cli.example_words import FromData


class ReconstructSettings(FromData):
    pass


COMMAND = Command(
    "images through a model and back",
    ReconstructSettings,
    "genkit.cli.example_commands:reconstruct",
    usage="run=RUN [image=FILE]",
)
