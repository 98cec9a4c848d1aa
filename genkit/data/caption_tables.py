"""Tables of captions as a person keeps them: a text for each file, or class, in TSV, CSV or JSON lines.

Nothing here imports torch.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genkit.core.captions import plain_caption
from genkit.data.packing import printable
from genkit.system.errors import ConfigError, DataError, closest
from genkit.system.plain import parse_json
from genkit.system.textfiles import lines_of, read_given

MAX_BYTES = 500_000_000  # of a table
CLASS = "class"  # the column of a table of classes
FILES = ("file", "file_name", "filename", "path", "image", "audio", "video")  # columns of files
TEXTS = ("caption", "text", "prompt", "title", "description", "name")  # columns of captions
DELIMITERS = {".tsv": "\t", ".tab": "\t", ".txt": "\t", ".csv": ","}
OBJECTS = (".jsonl", ".ndjson")
WORD = "data.captions"
Line = tuple[int, Sequence[str]]  # its number and its cells


@dataclass(frozen=True)
class CaptionTable:
    """What a table says.

    Attributes:
        place: where it is, for messages.
        of_classes: whether its lines are of classes, not of files.
        captions: the text by its file or its class; "" where the line has none.
        groups: what stands in the column that was asked for, by the same.
    """

    place: str
    of_classes: bool
    captions: Mapping[str, str]
    groups: Mapping[str, str]


def read_table(path: Path, column: str | None, group: str | None = None) -> CaptionTable:
    """A table, of which the first line may name the columns.

    Args:
        column: of the captions; None: the first one that is called so, else the second of all.
        group: a further column to be read; None: none.

    Raises:
        DataError: it cannot be read, is empty, or has several lines for one file.
        ConfigError: it has no such column.
    """
    suffix = path.suffix.lower()
    if suffix not in (*DELIMITERS, *OBJECTS):
        raise DataError(f"{WORD}={path} is no .tsv, .csv or .jsonl; name a table, or write {WORD}=classes.")
    lines = lines_of(read_given(WORD, path, MAX_BYTES, "give a smaller table"))
    rows = list(_of_objects(path, lines) if suffix in OBJECTS else _of_cells(path, lines, DELIMITERS[suffix]))
    if not rows:
        raise DataError(f"{WORD}={path} is empty; write a file and its caption a line.")
    names = [cell.strip().lower() for cell in rows[0][1]]
    called = any(name in (*FILES, CLASS) for name in names) and not any("." in name for name in names)
    headed = suffix in OBJECTS or called
    if headed:
        rows = rows[1:]
    else:
        names = ["file", "caption", *(f"column {number}" for number in range(3, len(names) + 1))][
            : len(names)
        ]
    if not rows:
        raise DataError(f"{WORD}={path} has names of columns and no captions; write a line for each file.")
    _check_cells(path, rows, len(names))
    key = next((names.index(name) for name in (*FILES, CLASS) if name in names), 0)
    text = _column(path, "data.caption_column", column, names, key)
    own = None if group is None else _column(path, "data.group_by", group, names, key)
    keys = [_key(cells[key]) for _, cells in rows]
    _check_once(path, keys, [number for number, _ in rows])
    captions = {k: plain_caption(cells[text]) for k, (_, cells) in zip(keys, rows, strict=True)}
    groups = {} if own is None else {k: cells[own].strip() for k, (_, cells) in zip(keys, rows, strict=True)}
    return CaptionTable(str(path), names[key] == CLASS, captions, groups)


def _key(cell: str) -> str:
    """A file's name below its folder, whatever system wrote it."""
    return cell.strip().replace("\\", "/").removeprefix("./")


def _of_cells(path: Path, lines: Sequence[str], delimiter: str) -> Iterator[Line]:
    """Lines that are not blank."""
    if delimiter == "\t":
        yield from ((number, line.split("\t")) for number, line in enumerate(lines, 1) if line.strip())
        return
    reader = csv.reader(iter(f"{line}\n" for line in lines), strict=True)
    try:
        yield from ((reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells))
    except csv.Error as error:
        raise DataError(f"{WORD}={path} is no CSV at line {reader.line_num}: {error}.") from None


def _of_objects(path: Path, lines: Sequence[str]) -> Iterator[Line]:
    """The names of all columns, and the cells of each object, "" where it lacks one."""
    objects: list[tuple[int, Mapping[str, str]]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = parse_json(line)
        except ValueError as error:
            raise DataError(f"{WORD}={path} is no JSON at line {number}: {error}.") from None
        if not isinstance(found, dict):
            raise DataError(f"{WORD}={path} has no object at line {number}; write {{…}} a line.")
        objects.append((number, {str(k).lower(): v for k, v in found.items() if isinstance(v, str)}))
    if names := list(dict.fromkeys(name for _, row in objects for name in row)):
        yield 0, names
        yield from ((number, [row.get(name, "") for name in names]) for number, row in objects)


def _check_cells(path: Path, rows: Sequence[Line], count: int) -> None:
    if count < 2:
        raise DataError(f"{WORD}={path} has one column; write a file, a tab or a comma, and its caption.")
    for number, cells in rows:
        if len(cells) != count:
            raise DataError(f"{WORD}={path} has {len(cells)} cells in line {number}, and {count} before.")


def _column(path: Path, knob: str, asked: str | None, names: Sequence[str], key: int) -> int:
    """The place of a column."""
    others = [place for place in range(len(names)) if place != key]
    if asked is None:
        return next(
            (names.index(name) for name in TEXTS if name in names and names.index(name) != key), others[0]
        )
    if asked.lower() not in names:
        hint = closest(asked, names)
        raise ConfigError(f"{knob}={asked}: {path} has no such column; it has {', '.join(names)}.{hint}")
    return names.index(asked.lower())


def _check_once(path: Path, keys: Sequence[str], numbers: Sequence[int]) -> None:
    first: dict[str, int] = {}
    again: dict[str, tuple[int, int]] = {}
    for key, number in zip(keys, numbers, strict=True):
        if key in first:
            again.setdefault(key, (first[key], number))
        first.setdefault(key, number)
    if again:
        key, (one, other) = next(iter(again.items()))
        more = f", and {len(again) - 1:,} more" if len(again) > 1 else ""
        raise DataError(
            f"{WORD}={path} has several lines for {printable(key)} ({one} and {other}){more}; leave one each."
        )
