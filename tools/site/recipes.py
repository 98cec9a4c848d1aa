"""The page of recipes: what each file of `conf/experiment` says of itself, and what it sets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from genkit import config
from tools.site.markdown import page, plain

PLACE = "reference/recipes.md"
LINES = ("hardware", "wall time", "expected")


def pages() -> Iterator[tuple[str, str]]:
    """Place and text of the page."""
    parts = [
        "`genkit train experiment=NAME` trains one; any word after it changes it. What they reached, and"
        " from which experiments that is known, says [the overview of recipes](../recipes.md)."
    ]
    for name, file in config.groups()["experiment"].items():
        parts += _of(name, file.read_text(encoding="utf-8"))
    yield PLACE, page("Recipes, file by file", *parts)


def _of(name: str, text: str) -> Iterator[str]:
    said, rest = _split(text)
    yield f"## {name}"
    yield plain(said.pop("", ""))
    yield f"```text\n{said.pop('command')}\n```"
    yield "\n".join(f"- {key}: {plain(said[key])}" for key in LINES)
    yield f"```yaml\n{rest}\n```"


def _split(text: str) -> tuple[dict[str, str], str]:
    """What the comments at the head say by their keys, the first under "", and the rest of the file."""
    said: dict[str, str] = {}
    key, lines = "", text.splitlines()
    for i, line in enumerate(lines):
        if line.startswith("# @"):
            continue
        if not line.startswith("#"):
            return said, "\n".join(lines[i:]).strip()
        if found := re.match(r"# (command|hardware|wall time|expected):\s*(.*)", line):
            key, line = found[1], f"# {found[2]}"
        said[key] = f"{said[key]} {line[1:].strip()}" if key in said else line[1:].strip()
    return said, ""
