"""`genkit families`, declared."""

from __future__ import annotations

from genkit.cli.command import Command, CommandSettings


class FamiliesSettings(CommandSettings):
    pass


COMMAND = Command("list the families and what they can do", FamiliesSettings, "genkit.cli.show:families")
