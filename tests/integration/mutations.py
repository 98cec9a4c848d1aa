"""Every leaf of a file, one after another, as every wrong type, boundary and depth: what a damaged disk or a
stranger may leave, written as it would stand in a file.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

# As JSON has them; `deep` stands for what is nested further than any reader goes.
JSON = (
    *("null", "true", "0", "-1", "1.5", "NaN", "-Infinity", "1e400", "1" + "0" * 40, "1" + "0" * 5000),
    *(
        '""',
        '"x"',
        '"../../x"',
        '"/etc/passwd"',
        '"\\u0000"',
        '"\\ud800"',
        '"\\u001b[31m"',
        '"${oc.env:HOME}"',
    ),
    *('"' + "x" * 100_000 + '"', "[]", "[1]", '["x", null]', "[[[[1]]]]", "{}", '{"a": 1}', '{"": {"": []}}'),
    *("[" * 60 + "]" * 60, "[" * 5000 + "]" * 5000, '{"a":' * 60 + "1" + "}" * 60, "deep"),
)
# What YAML has beyond that.
YAML = (
    *("2001-01-01", "2001-99-99", "1:30", "!!binary aGk=", "!!set {a}", "!!python/name:os.system", "0x1F"),
    *("&a [1]", "*a", ".inf", ".nan", "{1: 2}", "{true: 3}", "{? [1] : 2}", "yes", "~", "@", "!x y", "<<"),
)
MARK = "MUTATED-HERE"


def places(plain: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of every value in plain values, the outermost first; of long lists the first two."""
    yield here
    if isinstance(plain, dict):
        for key in plain:
            yield from places(plain[key], (*here, key))
    elif isinstance(plain, list):
        for place in range(min(2, len(plain))):
            yield from places(plain[place], (*here, place))


def put(plain: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a place."""
    if not place:
        return value
    made = copy.deepcopy(plain)
    at = made
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return made


def without(plain: Any, place: tuple[Any, ...]) -> Any:
    """A copy without what stands at a place."""
    made = copy.deepcopy(plain)
    at = made
    for key in place[:-1]:
        at = at[key]
    del at[place[-1]]
    return made


def mutations(file: Path) -> Iterator[tuple[str, str]]:
    """What a file could hold instead, each with a name for the place and the value."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".jsonl":
        first, _, rest = text.partition("\n")
        yield from ((name, f"{made}\n{rest}") for name, made in _of(json.loads(first), json.dumps, JSON))
    elif file.suffix == ".json":
        yield from _of(json.loads(text), json.dumps, JSON)
    else:
        yield from _of(yaml.safe_load(text), yaml.safe_dump, (*JSON, *YAML))
    yield from (("cut short", text[: len(text) // 2]), ("empty", ""), ("no text", text[:20] + "\0\x85\u2028"))


def _of(plain: Any, dump: Any, values: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for place in places(plain):
        marked = dump(put(plain, place, MARK))
        for value in values:
            made = "[" * 100_000 if value == "deep" else value
            name = f"{'.'.join(map(str, place)) or 'all'} = {value[:30]}"
            yield name, marked.replace(f'"{MARK}"', made).replace(MARK, made)
        if place:
            yield f"{'.'.join(map(str, place))} left out", dump(without(plain, place))
            if isinstance(place[-1], str):
                yield (
                    f"{'.'.join(map(str, place))} renamed",
                    dump(put(plain, place, 1)).replace(place[-1], "\x1b", 1),
                )
