"""Labels of any type as numbers of classes 0, 1, …, and the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from genkit.data.packing import printable
from genkit.system.errors import DataError

MANY = 1_000  # distinct labels from which on they may be no classes but numbers or names of the images
WITHOUT = "data.label=null leaves them out"


def class_numbers(
    parts: Sequence[np.ndarray], where: str, names: Sequence[str] = ()
) -> tuple[list[np.ndarray], tuple[str, ...], list[str]]:
    """Labels as numbers of classes.

    Args:
        parts: labels of each part: whole numbers from 0, floats that are whole, texts, booleans, (N,) or
            (N, 1); or rows (N, K) of zeros with a single one.
        where: they stand, for messages.
        names: of the classes, where the source has them; the labels are their numbers then.

    Returns:
        Numbers int64 (N,) of each part, the names of the classes, and what should be said.

    Raises:
        DataError: they are no classes; what they are instead, and the remedy.
    """
    parts = [part[:, 0] if part.ndim == 2 and part.shape[1] == 1 else part for part in parts]
    if any(part.ndim != 1 for part in parts):
        return _one_hot(parts, where, names)
    whole = [_plain(part, where) for part in parts]
    every = np.concatenate(whole)
    if not len(every):
        return whole, tuple(names), []
    if every.dtype.kind == "U":
        if names:
            raise DataError(f"{where} holds texts, and its classes are known by number; {WITHOUT}.")
        found, numbers = np.unique(every, return_inverse=True)
        _check_count(len(found), len(every), where)
        return _split(numbers, whole), tuple(printable(str(name)) for name in found), []
    if every.min() < 0:
        count = int((every < 0).sum())
        raise DataError(
            f"{where} goes down to {every.min()} ({count:,} of {len(every):,} are negative), which is no"
            f" class: leave those images out or give them a class; {WITHOUT}."
        )
    if names:
        if every.max() >= len(names):
            raise DataError(f"{where} goes up to {every.max()}, and has {len(names)} classes; {WITHOUT}.")
        return whole, tuple(names), []
    found, numbers = np.unique(every, return_inverse=True)
    _check_count(len(found), len(every), where)
    said = []
    if found[-1] != len(found) - 1:
        said.append(
            f"{where} has {len(found):,} values from {found[0]} to {found[-1]}: the classes are named by them"
        )
    return _split(numbers, whole), tuple(map(str, found.tolist())), said


def check_numbers(labels: np.ndarray | None, classes: Sequence[str], count: int, what: str) -> None:
    """See that labels are numbers of classes, one for each image.

    Raises:
        DataError: they are not.
    """
    if labels is None:
        return
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) != count:
        raise DataError(
            f"{what} has labels {labels.dtype} {labels.shape} for {count:,} images; give one each."
        )
    if classes and len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise DataError(
            f"{what} has labels from {labels.min()} to {labels.max()}, and its {len(classes)} classes have"
            f" the numbers 0 to {len(classes) - 1}; mend the labels."
        )


def _plain(labels: np.ndarray, where: str) -> np.ndarray:
    """Labels (N,) as int64 or texts."""
    kind = labels.dtype.kind
    if kind == "O":
        return _of_objects(labels, where)
    if kind == "S":
        try:
            return np.char.decode(labels, "utf-8")
        except UnicodeDecodeError:
            raise DataError(f"{where} holds bytes that are no UTF-8; {WITHOUT}.") from None
    if kind == "U":
        return labels
    if kind not in "buif":
        raise DataError(f"{where} holds {labels.dtype}: give whole numbers or texts; {WITHOUT}.")
    if kind == "f":
        broken = np.flatnonzero(~np.isfinite(labels) | (np.trunc(labels) != labels))
        if len(broken):
            raise DataError(
                f"{where} holds {labels[broken[0]]:g} (row {broken[0]}; {len(broken):,} such), which is no"
                f" class: give whole numbers or texts; {WITHOUT}."
            )
    if len(labels) and (kind == "u" or kind == "f") and labels.max() >= 2**63:
        raise DataError(f"{where} goes up to {labels.max():g}, which is no class; {WITHOUT}.")
    return labels.astype(np.int64)


def _of_objects(labels: np.ndarray, where: str) -> np.ndarray:
    """As `_plain`, of a table's column as Python has it."""
    values: list[Any] = labels.tolist()
    empty = [row for row, value in enumerate(values) if value is None]
    if empty:
        raise DataError(
            f"{where} is empty in {len(empty):,} of {len(values):,} rows ({empty[0]}, …); {WITHOUT}."
        )
    if all(isinstance(value, str) for value in values):
        return np.array(values)
    if all(isinstance(value, int) for value in values):  # beyond 64 bits
        raise DataError(f"{where} goes up to {max(values)}, which is no class; {WITHOUT}.")
    kinds = ", ".join(sorted({type(value).__name__ for value in values}))
    raise DataError(f"{where} holds {kinds}: give whole numbers or texts; {WITHOUT}.")


def _one_hot(
    parts: Sequence[np.ndarray], where: str, names: Sequence[str]
) -> tuple[list[np.ndarray], tuple[str, ...], list[str]]:
    shapes = {part.shape[1:] for part in parts}
    count = parts[0].shape[1] if len(shapes) == 1 and parts[0].ndim == 2 else 0
    sound = count > 1 and all(part.dtype.kind in "buif" for part in parts)
    if not sound or not all(((part == 0) | (part == 1)).all() and (part.sum(1) == 1).all() for part in parts):
        shown = " and ".join("×".join(map(str, part.shape)) for part in parts)
        raise DataError(
            f"{where} is {shown}, and no row is zeros with a single one: give each a class; {WITHOUT}."
        )
    if names and len(names) != count:
        raise DataError(f"{where} has {count} columns and {len(names)} names of classes; {WITHOUT}.")
    classes = tuple(names) or tuple(map(str, range(count)))
    said = f"{where} has {count} columns with a single one in each row, whose place is the class"
    return [part.argmax(1).astype(np.int64) for part in parts], classes, [said]


def _check_count(distinct: int, count: int, where: str) -> None:
    if distinct > MANY and distinct > count / 2:
        raise DataError(
            f"{where} has {distinct:,} distinct values for {count:,} images, which are no classes; {WITHOUT}."
        )


def _split(numbers: np.ndarray, parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    edges = np.cumsum([len(part) for part in parts])[:-1]
    return np.split(numbers.astype(np.int64), edges)
