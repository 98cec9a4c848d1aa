"""`genkit runs`, declared."""

from __future__ import annotations

from typing import Literal

from genkit.cli.command import Command, word
from genkit.cli.shared import Placed


class RunsSettings(Placed):
    run: str | None = word(None, "what one run says of itself", kind="run")
    status: tuple[str, ...] = word((), "those runs alone, such as finished", kind="name", commas=True)
    family: tuple[str, ...] = word((), "those runs alone", kind="name", commas=True)
    model: tuple[str, ...] = word((), "those runs alone", kind="name", commas=True)
    data: tuple[str, ...] = word((), "those runs alone", kind="name", commas=True)
    seed: tuple[str, ...] = word((), "those runs alone", kind="name", commas=True)
    sort: str = word(
        "created", "name, status, model, data, step, created, seconds, or a term such as val/nll", kind="name"
    )
    order: Literal["up", "down"] = word("up", "runs without the term stand last")
    last: int | None = word(None, "the last so many lines", low=1, high=999_999_999)


COMMAND = Command(
    "list the runs, by filters, or look into one",
    RunsSettings,
    "genkit.cli.show:runs",
    usage="[run=RUN] [status=…] [sort=KEY]",
)
