"""`genkit complete`, declared."""

from __future__ import annotations

from genkit.cli.command import Command, word
from genkit.cli.example_words import Observed


class CompleteSettings(Observed):
    mask: str | None = word(
        None,
        "what is hidden: a part by its name (default: what an example ends with), places of time as 10:20, or"
        " what is white in a .png of the size of the data",
        kind="name",
        shown="lower",
        values="genkit.cli.example_words:parts",
    )
    prompt: str | None = word(
        None,
        "what the examples are, in words, for a model that was trained with captions (default: the caption of"
        " each, of a file of yours none)",
    )
    known_places: int | None = word(
        None,
        "how much of the mask's axis is known: frames, rows, columns, samples (default: half)",
        name="given",
        low=1,
    )


COMMAND = Command(
    "images of which a part is hidden",
    CompleteSettings,
    "genkit.cli.example_commands:complete",
    usage="run=RUN [image=FILE] [mask=lower]",
)
