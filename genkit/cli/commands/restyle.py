"""`genkit restyle`, declared."""

from __future__ import annotations

from genkit.cli.command import Command, required, word
from genkit.cli.example_words import FromData


class RestyleSettings(FromData):
    labels: tuple[str, ...] = required(
        "the class in which examples are drawn anew, or several, a row each; all: every one",
        name="label",
        kind="name",
        commas=True,
    )
    label: str | None = word(None, "class that your file has", name="from", kind="name")


COMMAND = Command(
    "images encoded with their own label and decoded with another",
    RestyleSettings,
    "genkit.cli.example_commands:restyle",
    usage="run=RUN label=CLASS [image=FILE from=CLASS]",
)
