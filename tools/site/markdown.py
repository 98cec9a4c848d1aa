"""Pieces of Markdown: what stands in a declaration, so that it reads as it was meant."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

SECTIONS = re.compile(r"^(Args|Attributes|Returns|Raises|Yields):$", re.M)


def plain(text: str) -> str:
    """A sentence that is no Markdown: nothing in it but code between backticks is taken for any."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<\[{|])", r"\\\1", part) for part in parts)


def code(text: str) -> str:
    """A text in the type of code; "" stays nothing."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}" if text.strip() else ""


def cell(text: str) -> str:
    """What may stand in a cell of a table: one line, whose bars end no cell."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; columns that are empty in every row are left out."""
    rows = [[cell(text) for text in row] for row in rows]
    kept = [i for i, _ in enumerate(header) if any(row[i] for row in rows)]
    lines = [[header[i] for i in kept], ["---"] * len(kept), *([row[i] for i in kept] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def about(documented: object) -> str:
    """What a docstring says before its lists of arguments and errors."""
    text = inspect.getdoc(documented) or ""
    return plain(SECTIONS.split(text)[0].strip())


def page(title: str, *parts: str) -> str:
    """A page of parts with blank lines between them."""
    return "\n\n".join((f"# {title}", *filter(None, parts))) + "\n"


def contents(places: Iterable[str], *, hidden: bool = True, depth: int = 1) -> str:
    """The table of contents that puts pages below this one."""
    options = f":maxdepth: {depth}\n" + (":hidden:\n" if hidden else "")
    return f"```{{toctree}}\n{options}\n" + "\n".join(places) + "\n```"
