"""The rows of the table, and the table."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from tools.reliability.rows import Result, Row

NAMES = (
    "resuming",
    "killing",
    "borders",
    "signalling",
    "storing",
    "calls",
    "damaging",
    "strangers",
    "outsiders",
    "configuring",
    "mistaking",
    "fuzzing",
    "starting",
    "pathologies",
    "healthy",
    "doubled",
    "ordinary",
    "walks",
    "histories",
)


def row(name: str) -> Row:
    """A row by the name of its module."""
    return importlib.import_module(f"tools.reliability.{name}").ROW


def markdown(results: Sequence[Result]) -> str:
    """The table as Markdown."""
    lines = ["| what | genkit | its neighbours | seconds |", "|---|---|---|---|"]
    for result in results:
        others = ", ".join(f"{who} {passed}/{of}" for passed, of, who in result.neighbours) or "–"
        passed = f"{result.passed}/{result.trials}" + (f" ({result.note})" if result.note else "")
        lines.append(f"| {result.name} | {passed} | {others} | {result.seconds:.0f} |")
    return "\n".join(lines) + "\n"
