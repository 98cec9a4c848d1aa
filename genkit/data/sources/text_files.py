"""Text files of a person's own: one, or those below a folder, a document each."""

from __future__ import annotations

import codecs
import fnmatch
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from genkit.data.dataset_knobs import TextFileKnobs, TextFolderKnobs
from genkit.data.packing import listing_of
from genkit.data.splits import parts_of
from genkit.data.text.streams import Document, Texts, file_pieces
from genkit.data.text.table_files import PARQUET, SUFFIXES, TableFile, is_table
from genkit.data.text.unpacked import kind_of
from genkit.system.errors import ConfigError, DataError, enumerated
from genkit.system.paths import sought
from genkit.system.schemas import WORDS

RECORD = "\x1e"  # ASCII's record separator, which ends a row where nothing else is said to


@dataclass
class TextFiles(Texts):
    """Text files below a folder, a document each; of tables each row.

    Attributes:
        column: of the texts in tables; None: the files are texts.
        alone: whether there is but one file, which is never left out.
    """

    root: Path
    names: Sequence[str]
    listing: str
    size: int
    encoding: str
    part: Sequence[str] | None = None
    missing: dict[str, str] = field(default_factory=dict)
    alone: bool = False
    notices: Sequence[str] = ()
    column: str | None = None

    def __post_init__(self) -> None:
        self.rows = self.column is not None
        self.single = self.alone and not self.rows
        self.separator = RECORD if self.rows else None
        self.nulls = 0

    @property
    def has_parts(self) -> bool:
        return self.part is not None

    def documents(self) -> Iterator[Document]:
        self.nulls = 0
        for i, name in enumerate(self.names):
            part = self.part[i] if self.part else ""
            if self.column is None:
                yield Document(name, partial(file_pieces, self.root / name, self.encoding), part)
            else:
                yield from self._of_rows(name, part, self.column)

    def _of_rows(self, name: str, part: str, column: str) -> Iterator[Document]:
        table = TableFile(self.root / name, self.encoding)
        try:
            for row in table.rows((column,)):
                text = row.values[0] if row.values else None
                place = f"{name} {table.unit} {row.number:,}"
                fault = row.fault
                if not fault and text in (None, ""):
                    self.nulls += 1
                elif isinstance(text, str):
                    yield Document(place, partial(_once, text), part)
                else:
                    fault = fault or f"holds {WORDS[type(text)]} in {column!r}, and no text"
                    yield Document(place, partial(_refused, fault), part)
        except DataError as error:
            if self.alone:
                raise
            yield Document(name, partial(_refused, str(error).rstrip(".")), part)


def _once(text: str) -> Iterator[str]:
    yield text


def _refused(fault: str) -> Iterator[str]:
    raise DataError(fault)


def text_file(data: TextFileKnobs, paths: Mapping[str, str]) -> TextFiles:
    """Any text file, or a column of a table."""
    if not data.path:
        raise ConfigError("data=text_file needs data.path=FILE.")
    path = Path(data.path).expanduser()
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a text file, or choose data=text_folder.")
    try:
        about = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    _check_encoding(data.encoding)
    listing = listing_of({path.name: (about.st_size, about.st_mtime_ns)})
    notices = _check_kinds(path.parent, [path.name], data)
    return TextFiles(
        *(path.parent, [path.name], listing, about.st_size, data.encoding),
        alone=True,
        notices=notices,
        column=data.column,
    )


def text_folder(data: TextFolderKnobs, paths: Mapping[str, str]) -> TextFiles:
    """The files below a folder whose names match a pattern, a document each, in the order of their names."""
    if not data.path:
        raise ConfigError("data=text_folder needs data.path=FOLDER.")
    root, glob = Path(data.path).expanduser(), data.glob
    if not root.is_dir():
        how = "no folder" if root.exists() else "missing"
        raise DataError(f"{root} is {how}; give a folder of texts.{sought(root)}")
    _check_encoding(data.encoding)
    found: dict[str, tuple[int, int]] = {}
    missing: dict[str, str] = {}
    others: Counter[str] = Counter()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in files:
            name = os.path.relpath(os.path.join(folder, file), root)
            if not any(fnmatch.fnmatchcase(place.lower(), glob.lower()) for place in (name, file)):
                others[os.path.splitext(file)[1].encode("utf-8", "backslashreplace").decode()] += 1
                continue
            try:
                about = os.stat(root / name)
                found[name] = (about.st_size, about.st_mtime_ns)
            except OSError as error:
                missing[name] = error.strerror or "unreadable"
    if not found:
        kinds = ", ".join(f"{n:,} {suffix or 'without suffix'}" for suffix, n in others.most_common(5))
        raise DataError(f"{root} has no file that matches data.glob={glob}; it has {kinds or 'no files'}.")
    notices = []
    if others:
        kinds = ", ".join(f"{n:,} {suffix or 'without suffix'}" for suffix, n in others.most_common(5))
        notices.append(f"not read, for they do not match data.glob={glob}: {kinds}")
    names = sorted(found)
    size = sum(size for size, _ in found.values())
    part = parts_of(names)
    notices += _check_kinds(root, names, data)
    return TextFiles(
        *(root, names, listing_of(found), size, data.encoding, part, missing),
        notices=notices,
        column=data.column,
    )


def _check_kinds(root: Path, names: Sequence[str], data: TextFileKnobs) -> list[str]:
    """See that the files are tables where a column of them is to be read; what to say where they are not.

    Raises:
        ConfigError: one is no table, or can be read as nothing else.
    """
    tables = [name for name in names if is_table(root / name)]
    if data.column is not None:
        if other := next((name for name in names if not is_table(root / name)), None):
            remedy = "choose others with data.glob" if isinstance(data, TextFolderKnobs) else "leave it out"
            raise ConfigError(
                f"data.column={data.column}: {other} is no table ({' '.join(SUFFIXES)}); {remedy}."
            )
        return []
    if bare := next((name for name in tables if kind_of(root / name) == PARQUET), None):
        known = enumerated(TableFile(root / bare).columns())
        raise ConfigError(f"{bare} is a table, which data.column=NAME reads; it has {known}.")
    if not tables:
        return []
    several = f"{len(tables):,} tables are" if len(tables) > 1 else f"{tables[0]} is"
    return [f"{several} read as plain text, names and marks included; data.column=NAME reads one column"]


def _check_encoding(encoding: str) -> None:
    """See that it decodes bytes to text: Python's hex, base64 and rot13 do something else.

    Raises:
        ConfigError: there is none of that name, or it does not.
    """
    try:
        decoded = codecs.getincrementaldecoder(encoding)().decode(b"", True)
        sound = isinstance(decoded, str) and getattr(codecs.lookup(encoding), "_is_text_encoding", True)
    except (LookupError, TypeError, ValueError, AssertionError):
        sound = False
    if not sound:
        raise ConfigError(f"data.encoding={encoding} is no encoding of texts that Python knows; try utf-8.")


def _unreadable(path: Path, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path} is missing; check the path.{sought(path)}")
    return DataError(f"{path} cannot be read: {error.strerror}.")
