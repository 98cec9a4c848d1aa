"""`genkit worker`, declared: one of several processes of a training, which starts it."""

from __future__ import annotations

from genkit.cli.command import Command, CommandSettings, word


class WorkerSettings(CommandSettings):
    words: tuple[str, ...] = word((), "a run folder, and rank, count and port of the process", below=("",))


COMMAND = Command(
    "one of several processes of a training", WorkerSettings, "genkit.cli.train:worker", "FOLDER"
)
