"""Rows of a table in a file, one after another, never the whole file: JSON, CSV, TSV, parquet.

    .jsonl .ndjson    an object a line; blank lines are none
    .json             a list of objects, or an object a line
    .csv              as spreadsheets write it: cells in quotation marks may hold commas and line ends
    .tsv .tab         cells between tabs; quotation marks are characters of a cell
    .parquet          by pyarrow

The first line of a CSV or TSV names the columns.  All but parquet may be compressed, as `rows.jsonl.gz` is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from json import JSONDecodeError
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from genkit.data.text.json_list import LONGEST, Json, JsonList
from genkit.data.text.streams import file_pieces
from genkit.data.text.unpacked import kind_of, unpacked
from genkit.system.errors import ConfigError, DataError, closest, enumerated
from genkit.system.plain import parse_json

if TYPE_CHECKING:
    import pyarrow.parquet

LINES, LIST, CELLS, PARQUET = (".jsonl", ".ndjson"), ".json", (".csv", ".tsv", ".tab"), ".parquet"
SUFFIXES = (*LINES, LIST, *CELLS, PARQUET)
BATCH = 1024  # rows of a parquet that are read at once
BUFFER = 2**20  # bytes of a column of a parquet that are read at once
NO_CELLS = {  # what Python's csv says, in our words
    "unexpected end of data": "a quotation mark is never closed",
    "',' expected after '\"'": "a quotation mark within a cell in quotation marks is written twice",
}
Cells = list[str] | ValueError


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row.

    Attributes:
        number: from 1: of the line in which it begins, or of the row itself; see `TableFile.unit`.
        values: of the columns that were asked for; cells of CSV and TSV are texts.
        fault: why it cannot be used, to follow "line 3 "; "" where it can.
    """

    number: int
    values: tuple[Json, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class TableFile:
    """A file of rows that can be read as often as needed.

    Args:
        path: its suffix says what it is; see `is_table`.
        encoding: of its text.

    Raises:
        DataError: by `columns` and `rows`: it cannot be read, or not further.
        ConfigError: by the same: pyarrow is not installed.
    """

    path: Path
    encoding: str = "utf-8"

    @property
    def unit(self) -> Literal["line", "row"]:
        """What the number of a row counts."""
        return "row" if self.path.suffix.lower() == PARQUET else "line"

    def place(self, row: TableRow) -> str:
        """A row in words."""
        return f"{self.path} {self.unit} {row.number:,}"

    def columns(self) -> list[str]:
        """The names of all columns; of objects those that the first has."""
        if self.unit == "row":
            with _parquet(self.path) as table:
                return list(table.schema_arrow.names)
        if kind_of(self.path) in CELLS:
            return self._headed()[0]
        first = next((found for _, found in self._objects() if isinstance(found, Mapping)), {})
        return list(first)

    def rows(self, columns: Sequence[str]) -> Iterator[TableRow]:
        """All rows in their order, with the values of some columns.

        A row that is none, or an object that lacks one of them, has a fault.

        Raises:
            DataError: the file has no such column, where all rows have the same.
        """
        if self.unit == "row":
            yield from self._of_parquet(columns)
        elif kind_of(self.path) in CELLS:
            yield from self._of_cells(columns)
        else:
            for number, found in self._objects():
                yield _picked(number, found, columns)

    def _check(self, columns: Sequence[str], names: Sequence[str]) -> None:
        """See that a table has each of some columns once."""
        for column in columns:
            if column not in names:
                raise DataError(f"{self.path} has {lacking(column, names)}.")
            if names.count(column) > 1:
                raise DataError(f"{self.path} has several columns {column!r}; name them apart.")

    # ------------------------------------------------------------------ objects

    def _objects(self) -> Iterator[tuple[int, Json | ValueError]]:
        """What stands in each line or entry of a list, or why nothing does."""
        pieces = file_pieces(self.path, self.encoding)
        if kind_of(self.path) == LIST:
            first = next((piece for piece in pieces if piece.strip()), "")
            pieces = chain([first], pieces)
            if first.lstrip().startswith("["):
                listed = JsonList(pieces)
                try:
                    yield from listed.entries()
                except ValueError as error:
                    raise DataError(f"{self.path} line {listed.line:,} is no JSON: {_why(error)}.") from None
                return
        for number, line in self._lines(pieces):
            if line.strip():
                try:
                    yield number, parse_json(line)
                except ValueError as error:
                    yield number, error

    # ------------------------------------------------------------------ cells

    def _lines(self, pieces: Iterable[str]) -> Iterator[tuple[int, str]]:
        """Lines without their \\n, from 1."""
        number, begun = 1, [""]
        for piece in pieces:
            first, *others = piece.split("\n")
            begun.append(first)
            if others:
                yield number, "".join(begun)
                yield from enumerate(others[:-1], number + 1)
                number, begun = number + len(others), others[-1:]
            if sum(map(len, begun)) > LONGEST:
                raise DataError(f"{self.path} line {number:,} has more than {LONGEST:,} characters.")
        if last := "".join(begun):
            yield number, last

    def _cells(self) -> Iterator[tuple[int, Cells]]:
        """The cells of each row that is not blank, or why there are none."""
        lines = self._lines(file_pieces(self.path, self.encoding))
        if kind_of(self.path) != ".csv":
            yield from ((n, line.removesuffix("\r").split("\t")) for n, line in lines if line.strip())
            return
        csv.field_size_limit(max(LONGEST, csv.field_size_limit()))
        reader = csv.reader((line + "\n" for _, line in lines), strict=True)
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield number, ValueError(NO_CELLS.get(str(error), str(error)))
                continue
            if cells is None:
                return
            if cells:
                yield number, cells

    def _headed(self) -> tuple[list[str], Iterator[tuple[int, Cells]]]:
        """The names in the first line, and the rows below it."""
        rows = self._cells()
        _, names = next(rows, (1, ValueError("it is empty")))
        if isinstance(names, ValueError):
            raise DataError(f"{self.path} has no names of columns in its first line: {names}.")
        return [name.strip() for name in names], rows

    def _of_cells(self, columns: Sequence[str]) -> Iterator[TableRow]:
        names, rows = self._headed()
        self._check(columns, names)
        places = [names.index(column) for column in columns]
        for number, cells in rows:
            if isinstance(cells, ValueError):
                yield TableRow(number, fault=f"is no row: {cells}")
            elif len(cells) != len(names):
                said = f"has {len(cells):,} cell{'s' * (len(cells) != 1)}, and the first line {len(names):,}"
                yield TableRow(number, fault=said)
            else:
                yield TableRow(number, tuple(cells[place] for place in places))

    # ------------------------------------------------------------------ parquet

    def _of_parquet(self, columns: Sequence[str]) -> Iterator[TableRow]:
        with _parquet(self.path) as table:
            self._check(columns, table.schema_arrow.names)
            number = 0
            for batch in table.iter_batches(BATCH, columns=list(dict.fromkeys(columns))):
                found: Mapping[str, list[Json]] = batch.to_pydict()
                for values in zip(*(found[column] for column in columns), strict=True):
                    number += 1
                    yield _plain(number, values)


def is_table(path: Path) -> bool:
    """Whether a file's suffix is that of a table."""
    return kind_of(path) in SUFFIXES


def lacking(column: str, names: Iterable[str]) -> str:
    """What to say of a row, or a file, without a column, to follow "has ": the nearest, and those there."""
    known = list(names)
    hint = closest(column, known).strip()
    nearest = f" (d{hint[1:]})" if hint else ""
    return f"no column {column!r}{nearest}; it has {enumerated(known) or 'none'}"


def _picked(number: int, found: Json | ValueError, columns: Sequence[str]) -> TableRow:
    """The values of an object."""
    if isinstance(found, ValueError):
        return TableRow(number, fault=f"is no JSON: {_why(found)}")
    if not isinstance(found, dict):
        return TableRow(number, fault="is no object; write {…}, with the names of columns and their values")
    for column in columns:
        if column not in found:
            return TableRow(number, fault=f"has {lacking(column, found)}")
    return TableRow(number, tuple(found[column] for column in columns))


def _why(error: ValueError) -> str:
    """What is wrong with a JSON, without the place in a text that nobody sees."""
    return error.msg if isinstance(error, JSONDecodeError) else str(error)


def _plain(number: int, values: tuple[Json, ...]) -> TableRow:
    """A row of a parquet, if its values are such as a JSON could hold."""
    odd = next((value for value in values if not _is_json(value)), None)
    if odd is None:
        return TableRow(number, values)
    return TableRow(
        number, fault=f"holds a value of the kind {type(odd).__name__}; make texts or numbers of it"
    )


def _is_json(value: object) -> bool:
    if value is None or isinstance(value, str | bool | int | float):
        return True
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(inner) for key, inner in value.items())
    return isinstance(value, list) and all(map(_is_json, value))


@contextmanager
def _parquet(path: Path) -> Iterator[pyarrow.parquet.ParquetFile]:
    """A parquet that is open; while it is read whatever goes wrong is named.

    Raises:
        ConfigError: the library is not installed.
        DataError: it is none, or damaged.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise ConfigError(f"{path} needs the library pyarrow: pip install pyarrow.") from None
    with unpacked(path) as file:
        try:
            yield pyarrow.parquet.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:120].rstrip(".")
            raise DataError(f"{path} is no whole parquet: {reason}.") from None
