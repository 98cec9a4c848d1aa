"""`genkit denoise`, declared."""

from __future__ import annotations

from genkit.cli.command import Command, word
from genkit.cli.example_words import Observed


class DenoiseSettings(Observed):
    scale: float = word(0.3, "standard deviation of the noise, for a range of 1", above=0, high=10)


COMMAND = Command(
    "images with noise on every pixel",
    DenoiseSettings,
    "genkit.cli.example_commands:denoise",
    usage="run=RUN [image=FILE] [scale=0.3]",
)
