"""`genkit chat`, declared."""

from __future__ import annotations

from genkit.cli.command import Command, word
from genkit.cli.shared import SEED, OfModel


class ChatSettings(OfModel):
    seed: int = SEED
    system: str | None = word(None, "what stands before the talk, as of the system")
    options: tuple[str, ...] = word((), "the options of the run's family: genkit families", below=("",))


COMMAND = Command(
    "talk with a run of pairs",
    ChatSettings,
    "genkit.cli.chat:chat",
    usage="run=RUN [seed=0] [system=TEXT]",
    more="A line is a turn, its answer is streamed.  Ctrl-C ends an answer, Ctrl-D the talk; a pipe is read\n"
    "to its end.  The oldest turns are dropped where all are longer than the context; a run of single pairs\n"
    "with a template as plain text answers each turn by itself.",
)
