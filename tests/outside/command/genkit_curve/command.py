"""`genkit curve`, declared: its words, from which parsing, help and completion follow.

What the command line asks of every command stands here; what it does is imported when it is run.
"""

from genkit.cli.command import Command, required, word
from genkit.cli.shared import OfRun


class CurveSettings(OfRun):
    term: str = required("a column of metrics.csv, such as val/nll", shown="NAME")
    width: int = word(60, "blocks at most, of the last validations", low=1, high=1_000)


COMMAND = Command(
    "how a number of a training went, in one line",
    CurveSettings,
    "genkit_curve.curve:curve",
    usage="run=RUN term=NAME",
)
