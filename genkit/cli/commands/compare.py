"""`genkit compare`, declared."""

from __future__ import annotations

from genkit.cli.command import Command, word
from genkit.cli.shared import Placed


class CompareSettings(Placed):
    runs: tuple[str, ...] = word(
        (), "two runs or more, with run= or without", name="run", kind="run", bare=True
    )


COMMAND = Command(
    "in what runs differ: configurations and numbers",
    CompareSettings,
    "genkit.cli.compare:compare",
    usage="RUN RUN …",
)
