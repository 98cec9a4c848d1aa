"""Every way in which genkit says no, each with its exit code.

An error is one line: what is wrong, where, and what to do.  The command line prints that line and exits
with the code; the library raises the exception.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from genkit.system.terminal import in_one_line


class GenkitError(Exception):
    """Base of all refusals; `exit_code` is what the command line returns.

    What is said may hold a text of a file, so it is made one line, which steers no terminal.
    """

    exit_code = 1

    def __str__(self) -> str:
        return in_one_line(super().__str__())


class ConfigError(GenkitError):
    """A key, group, option or value that is not acceptable."""

    exit_code = 2


class CheckpointError(GenkitError):
    """A checkpoint or run folder that cannot be trusted or read."""

    exit_code = 3


class DataError(GenkitError):
    """Data that is missing, unreadable or too small."""

    exit_code = 4


class Unmeasurable(DataError):
    """Metrics that these examples do not allow.

    Attributes:
        metrics: their names, as the rows would have them.
        reason: why not, as what follows the names in a sentence.
    """

    def __init__(self, metrics: str | Sequence[str], reason: str) -> None:
        self.metrics = (metrics,) if isinstance(metrics, str) else tuple(metrics)
        self.reason = reason
        super().__init__(f"{', '.join(self.metrics)} {reason}")


class Diverged(GenkitError):
    """A loss or a gradient that is no longer finite."""

    exit_code = 5


class Unsound(Diverged):
    """Under `strict=true`: something else that makes what is trained worthless."""


class StorageError(GenkitError):
    """A folder that cannot be written, or a disk that is full."""

    exit_code = 6


class Locked(GenkitError):
    """A run that another process holds."""

    exit_code = 7


def nearest(word: str, known: Iterable[str]) -> str:
    """`" Did you mean x?"` for the closest known word, else the list of what exists.

    The text starts with a blank so that it can follow a sentence.
    """
    known = sorted(set(known))
    if hint := closest(word, known):
        return hint
    shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f" Known: {shown}." if known else ""


def enumerated(names: Iterable[str], most: int = 250) -> str:
    """Names with commas between them, as many as fit into a line that is read."""
    shown = ""
    for name in names:
        if len(shown) + len(name) > most:
            return f"{shown}, …"
        shown = f"{shown}, {name}" if shown else name
    return shown


def closest(word: str, known: Iterable[str]) -> str:
    """`" Did you mean x?"` for the closest known word; "" where none is close."""
    found = alike(word, known)
    return f" Did you mean {found[0]}?" if found else ""


def alike(word: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Those of the known words that are so much like one that it may be meant, the closest first."""
    return difflib.get_close_matches(word, sorted(set(known)), n=most, cutoff=0.6)
