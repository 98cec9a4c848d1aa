"""What of a run a page can ask for: its options of sampling as plain values, from which controls are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from genkit.core.options import LABEL, Option

MOST_CHOICES = 1_000  # classes that are listed
KINDS = {"int": "whole", "float": "number", "bool": "switch"}  # of controls; all else is text


def control(option: Option, *, choices: Sequence[str] = (), first: bool = False) -> dict[str, object]:
    """One option as a page needs it.

    Args:
        choices: its values where the data say them, as its classes.
        first: whether it says what is drawn, so that it stands before all others.
    """
    listed = list(choices[:MOST_CHOICES]) or list(option.choices)
    return {
        "name": option.name,
        "kind": "choice" if listed else KINDS.get(option.kind, "text"),
        "default": option.default,
        "low": option.low,
        "high": option.high,
        "above": option.above,
        "many": option.many,
        "choices": listed,
        "help": option.help,
        "first": first,
    }


def controls(
    options: Sequence[Option], classes: Sequence[str], conditions: Sequence[str], known: Sequence[str]
) -> list[dict[str, object]]:
    """Those of a run, what says what is drawn first.

    Args:
        classes: of its data.
        conditions: names of the options that say what is drawn.
        known: texts that it can be asked for by name, as captions of classes.
    """
    made = []
    for option in options:
        choices = classes if option == LABEL else ()
        own = control(option, choices=choices, first=option.name in conditions)
        made.append({**own, "known": list(known[:MOST_CHOICES]) if own["first"] and not choices else []})
    return sorted(made, key=lambda own: not own["first"])


def words(given: Mapping[str, object], declared: Sequence[Option]) -> list[str]:
    """Options with their values as a person would type them; those that are off are left out."""
    kinds = {option.name: option for option in declared}
    typed = []
    for name, value in given.items():
        for one in cast("list[object]", value) if isinstance(value, list) else [value]:
            if one is not None or kinds[name].default is not None:
                typed.append(f"{name}={_typed(one)}")
    return typed


def _typed(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
