"""`genkit member`, declared: one run of a study, which starts it."""

from __future__ import annotations

from genkit.cli.command import Command, CommandSettings, word
from genkit.cli.shared import DEVICE


class MemberSettings(CommandSettings):
    words: tuple[str, ...] = word((), "a study folder and a number", bare=True)
    device: str = DEVICE


COMMAND = Command("one run of a study", MemberSettings, "genkit.cli.study:member", "FOLDER NUMBER")
