"""The shape of plain values, as a file must have it: types, keys, lists of them.

    conform(plain, [{"number": int, "arm": str, "trial?": int | None}])

A type or a union stands for its values (true and false are no numbers; a whole number serves as a float),
`[shape]` for a list, `{"key": shape}` for a mapping with these keys, of which those with a `?` may be missing
and others are left alone, and `{str: shape}` for a mapping of any keys.  `Optional(shape)` takes null, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import UnionType
from typing import Any

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


def _check_keys(value: dict[str, Any], shape: dict[Any, Any], where: str) -> None:
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
