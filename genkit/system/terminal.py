"""Text from anywhere on somebody's terminal: all that genkit says passes through here."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# C0 and C1 controls but tab and newline, and the bidirectional overrides: what could steer a terminal.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def without_controls(text: str, instead: str = "\N{REPLACEMENT CHARACTER}") -> str:
    """The text with something harmless instead of what could steer a terminal."""
    return _CONTROLS.sub(instead, text)


def in_one_line(text: str) -> str:
    """A message as one line that can be read: without controls, line ends and words of 300 letters."""
    line = re.sub(r"\S{300,}", lambda long: f"{long[0][:100]}…{long[0][-40:]}", " ".join(text.split()))
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


def inert(cell: object) -> object:
    """A cell or a head of a CSV that no spreadsheet runs as a formula; numbers stay as they are."""
    if not isinstance(cell, str):
        return cell
    plain = without_controls(cell)
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return plain
    try:
        float(plain)
    except ValueError:
        return f"'{plain}"
    return plain


def say(*parts: object, end: str = "\n", file: TextIO | None = None, flush: bool = False) -> None:
    """Print, whatever the parts hold: names of files, words of a stranger's record, what a model wrote.

    Args:
        file: None: standard output, as it is now.
    """
    line = without_controls(" ".join(map(str, parts)))
    print(line, end=end, file=file or sys.stdout, flush=flush)


def console() -> Console:
    """A console on standard error that takes text as text: no markup, no emoji, no controls."""
    from rich.console import Console  # (commands that show nothing with it need not wait for it)

    class PlainConsole(Console):
        def print(self, *objects: Any, **how: Any) -> None:
            plain = (without_controls(part) if isinstance(part, str) else part for part in objects)
            super().print(*plain, **how)

    return PlainConsole(stderr=True, soft_wrap=True, markup=False, emoji=False, highlight=False)


def shows_bars(console: Console) -> bool:
    """Whether a bar can move there: in a notebook, with widgets alone."""
    return not console.is_jupyter or find_spec("ipywidgets") is not None
