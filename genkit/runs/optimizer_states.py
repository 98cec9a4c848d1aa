"""An optimiser's nested state as plain JSON and tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def split_state(value: Any, tensors: dict[str, Tensor], path: str) -> Any:
    """Nested state to JSON, with tensors moved out under their path.

    Dictionaries become lists of pairs, because JSON would turn the integer keys of optimisers into strings.
    """
    if isinstance(value, Tensor):
        tensors[path] = value
        return {"tensor": path}
    if isinstance(value, Mapping):
        return {"dict": [[key, split_state(item, tensors, f"{path}/{key}")] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [split_state(item, tensors, f"{path}/{i}") for i, item in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{path}: a {type(value).__name__} is not plain data")


def join_state(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The inverse of `split_state`."""
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(value.items()))
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        made = {key: join_state(item, tensors) for key, item in content}
        if len(made) < len(content):
            raise ValueError("a key stands twice")
        return made
    items = [join_state(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items
