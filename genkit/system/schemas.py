"""The shape of plain values, as a file must have it: types, keys, lists of them.

    conform(plain, [{"number": int, "arm": str, "trial?": int | None}])

A type or a union stands for its values (true and false are no numbers; a whole number serves as a float),
`[shape]` for a list, `{"key": shape}` for a mapping with these keys, of which those with a `?` may be missing
and others are left alone, and `{str: shape}` for a mapping of any keys.  `Optional(shape)` takes null, too.

    typed(plain, Place)

makes a frozen dataclass of them instead, whose annotations say what its values are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import UnionType
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Number = int | float  # of JSON, which keeps them apart
WORDS: dict[Any, str] = {
    **{str: "a text", int: "a whole number", float: "a number", bool: "true or false"},
    **{list: "a list", dict: "a mapping", type(None): "null"},
}


@dataclass(frozen=True)
class Optional:
    """A shape, or null."""

    shape: Any


def conform(value: Any, shape: Any, where: str = "") -> Any:
    """The value, which has the shape.

    Raises:
        ValueError: it has not; the first place that differs is named.
    """
    if isinstance(shape, Optional):
        if value is not None:
            conform(value, shape.shape, where)
    elif isinstance(shape, list):
        _expect(value, list, where)
        for place, item in enumerate(value):
            conform(item, shape[0], f"{where}[{place}]")
    elif isinstance(shape, dict):
        _expect(value, dict, where)
        _check_keys(value, shape, where)
    elif shape is not Any:
        _expect(value, shape, where)
    return value


def _check_keys(value: dict[str, object], shape: dict[Any, Any], where: str) -> None:
    for key, inner in shape.items():
        if key is str:
            for name, item in value.items():
                conform(item, inner, f"{where}.{name[:40]}".lstrip("."))
            continue
        name = key.removesuffix("?")
        if name in value:
            conform(value[name], inner, f"{where}.{name}".lstrip("."))
        elif name == key:
            raise ValueError(f"{where or 'it'} has no {name}")


def _expect(value: Any, shape: Any, where: str) -> None:
    kinds = shape.__args__ if isinstance(shape, UnionType) else (shape,)
    for kind in kinds:
        taken = int | float if kind is float else kind
        if isinstance(value, taken) and (kind is bool or not isinstance(value, bool)):
            return
    raise ValueError(f"{where or 'it'} is not {' or '.join(WORDS[kind] for kind in kinds)}")


# ---------------------------------------------------------------------- types

NAMES = {
    **{"str": WORDS[str], "int": WORDS[int], "float": WORDS[float], "bool": WORDS[bool], "null": "null"},
    **{"array": WORDS[list], "object": WORDS[dict]},
}


def typed(plain: object, kind: type[T], name: str = "it") -> T:
    """Plain values as a type: a dataclass, or a generic such as `dict[str, int]`; unknown keys are left out.

    Args:
        name: of the whole, in messages.

    Raises:
        ValueError: they are none; the first place that differs is named.
    """
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `$")
        where = where.rstrip("`").lstrip(".")
        raise ValueError(_in_words(said, _numbered(plain, kind, where) or name)) from None


def _numbered(plain: Any, kind: type[Any], where: str) -> str:
    """`options[3].name` for msgspec's `options[...].name`: with the first item that is wrong by itself."""
    before, more, after = where.partition("[...]")
    if not more:
        return where
    keys = [key for key in before.split(".") if key]
    items = plain
    for key in keys:
        items = items[key]
    named = isinstance(items, dict)
    for place in items if named else range(len(items)):
        alone: object = {place: items[place]} if named else [items[place]]
        try:
            msgspec.convert(_put(plain, keys, alone), kind)
        except msgspec.ValidationError:
            return f"{before}{f'.{place}'[:40] if named else f'[{place}]'}{after}"
    return where


def _put(plain: Any, keys: list[str], value: object) -> object:
    """Nested mappings with another value at a place."""
    return {**plain, keys[0]: _put(plain[keys[0]], keys[1:], value)} if keys else value


def _in_words(said: str, where: str) -> str:
    """msgspec's message in the words of `conform`."""
    if wrong := re.fullmatch(r"Expected `(.+)`, got `.+`", said):
        return f"{where} is not {' or '.join(NAMES.get(name, name) for name in wrong[1].split(' | '))}"
    if lacking := re.fullmatch(r"Object missing required field `(.+)`", said):
        return f"{where} has no {lacking[1]}"
    return f"{where}: {said}"
