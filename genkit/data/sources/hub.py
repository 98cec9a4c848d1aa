"""Data of the Hugging Face hub, or of a folder in one of its formats, by the library `datasets`."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from genkit.data.arrays.folders import Pictures
from genkit.data.dataset_knobs import HubImageKnobs, HubTextKnobs
from genkit.data.labels import class_numbers
from genkit.data.splits import PARTS
from genkit.data.text.streams import Document, Texts
from genkit.system.errors import ConfigError, DataError
from genkit.system.paths import sought
from genkit.system.plain import read_bytes

MAX_PICTURE_BYTES = 256_000_000
LABEL = "label"  # the column of classes where `data.label` says nothing else


class Tables(dict[str, Any]):
    """The table of each of our parts; `others` are those that stand for none, or for one that there is.

    `root` is the dataset's folder; None: it is the hub's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.others: dict[str, Any] = {}
        self.root: Path | None = None

    def notices(self) -> list[str]:
        """What should be said of the others."""
        listed = ", ".join(f"{name} ({len(table):,} rows)" for name, table in self.others.items())
        return [f"the parts {listed} are not used"] if listed else []


# The library's reader of a file, by suffix.
BUILDERS = {".json": "json", ".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}


def _is_local(path: str) -> bool:
    """Whether a path can be no name on the hub, OWNER/NAME or NAME, so that nobody waits for its answer."""
    return path.startswith(("/", ".", "~")) or path.count("/") > 1 or Path(path).suffix.lower() in BUILDERS


def _load(data: HubTextKnobs | HubImageKnobs) -> Tables:
    """The tables of each of our parts.

    Raises:
        ConfigError: no path, or the library is not installed.
        DataError: it cannot be had.
    """
    if not data.path:
        raise ConfigError(f"data={data.name} needs data.path=FOLDER or the hub's name of a dataset.")
    try:
        import datasets
    except ImportError:
        raise ConfigError(f"data={data.name} needs the library datasets: pip install datasets.") from None
    datasets.disable_progress_bars()
    place = Path(data.path).expanduser()
    if place.is_file() and place.suffix.lower() not in BUILDERS:
        raise DataError(f"data.path={data.path} is a file of another kind than {' '.join(BUILDERS)}.")
    if not place.exists() and _is_local(str(data.path)):
        raise DataError(
            f"data.path={data.path} is missing, and no name on the hub; check the path.{sought(place)}"
        )
    try:
        if (place / "dataset_dict.json").is_file() or (place / "dataset_info.json").is_file():
            loaded = datasets.load_from_disk(str(place))
        elif place.is_dir():
            loaded = datasets.load_dataset(str(place))
        elif place.is_file():
            loaded = datasets.load_dataset(BUILDERS[place.suffix.lower()], data_files=str(place))
        else:
            loaded = datasets.load_dataset(str(data.path), data.subset)
    except Exception as error:  # the library raises whatever its formats and its network do
        reason = " ".join(str(error).split())[:150]
        raise DataError(f"data.path={data.path} cannot be loaded by datasets: {reason}") from None
    tables = dict(loaded) if isinstance(loaded, dict) else {"train": loaded}
    by_word = {word: part for part, words in PARTS.items() for word in words}
    known = Tables()
    known.root = place if place.is_dir() else None
    for name, table in tables.items():
        if name in by_word and by_word[name] not in known:
            known[by_word[name]] = table
        else:
            known.others[name] = table
    if "train" not in known:
        raise DataError(f"data.path={data.path} has the parts {', '.join(tables)}; one must be train.")
    column = data.column
    for part, table in known.items():
        if column not in table.column_names:
            listed = ", ".join(table.column_names)
            raise DataError(f"data.column={column}: the {part} part has {listed}; name one of them.")
    return known


def _fingerprints(tables: Mapping[str, Any], column: str) -> list[Any]:
    return [(part, table._fingerprint, len(table), column) for part, table in sorted(tables.items())]


# ---------------------------------------------------------------------- texts


@dataclass
class TableTexts(Texts):
    """The texts in a column, a document a row."""

    tables: Tables
    column: str

    def __post_init__(self) -> None:
        self.notices = self.tables.notices()
        for part, table in self.tables.items():
            if empty := sum(chunk.null_count for chunk in table.data.column(self.column).chunks):
                counted = f"{empty:,} of {len(table):,} rows of the {part} part"
                self.notices.append(f"{counted} hold no text (null)")
        self.listing = _fingerprints(self.tables, self.column)
        self.size = sum(int(table.data.nbytes) for table in self.tables.values())
        self.missing: dict[str, str] = {}

    @property
    def has_parts(self) -> bool:
        return len(self.tables) > 1

    def documents(self) -> Iterator[Document]:
        for part, table in self.tables.items():
            for i, row in enumerate(table.select_columns([self.column])):
                text = row[self.column]
                if text is None:  # counted above
                    continue
                if not isinstance(text, str):
                    raise DataError(f"data.column={self.column} holds {type(text).__name__}, no text.")
                yield Document(f"{part} {i}", partial(_once, text), part if self.has_parts else "")


def _once(text: str) -> Iterator[str]:
    if text:
        yield text


def hf_text(data: HubTextKnobs, paths: Mapping[str, str]) -> TableTexts:
    """Texts of a dataset in the hub's manner."""
    return TableTexts(_load(data), data.column)


# ---------------------------------------------------------------------- images


class TablePictures(Pictures):
    """The pictures in a column, with the labels of another."""

    def __init__(self, tables: Tables, column: str, label: str | None) -> None:
        self.tables, self.column, self.notices = tables, column, tables.notices()
        self.listing = _fingerprints(tables, column)
        self.names = [f"{part} {i}" for part, table in tables.items() for i in range(len(table))]
        if len(tables) > 1:
            self.part = [part for part, table in tables.items() for _ in range(len(table))]
        first = tables["train"]
        having = [part for part, table in tables.items() if label in table.column_names]
        if label is not None and having != list(tables) and (having or label != LABEL):
            lacking = ", ".join(part for part in tables if part not in having)
            raise DataError(f"data.label={label}: not in {lacking}; name a column, or null for no labels.")
        if having:
            names = getattr(first.features[label], "names", None) or ()
            columns = [_column(table[label]) for table in tables.values()]
            numbers, self.classes, said = class_numbers(columns, f"data.label={label}", names)
            self.label = np.concatenate(numbers)
            self.notices = [*self.notices, *said]

    def opener(self, rows: Sequence[int]) -> Callable[[int], Image.Image]:
        """Sends the encoded files themselves, so that no other process needs the library."""
        import datasets

        files: dict[int, Any] = {}
        start = 0
        for table in self.tables.values():
            own = [row - start for row in rows if start <= row < start + len(table)]
            if own:
                plain = table.cast_column(self.column, datasets.Image(decode=False))
                cells = plain.select(own)[self.column]
                files.update(zip([start + row for row in own], cells, strict=True))
            start += len(table)
        return partial(_open_cell, files, self.tables.root)


def _column(values: Any) -> np.ndarray:
    """A column as an array; of objects where it holds nothing in some rows, or lists of several lengths."""
    values = list(values)
    if any(value is None or isinstance(value, list | dict) for value in values):
        column = np.empty(len(values), object)
        column[:] = values
        return column
    return np.asarray(values)


def _open_cell(files: Mapping[int, Any], root: Path | None, row: int) -> Image.Image:
    cell = files[row]
    if not isinstance(cell, dict):
        raise ValueError("no picture")
    if cell.get("bytes"):
        return Image.open(io.BytesIO(cell["bytes"]))
    return Image.open(io.BytesIO(_named(str(cell.get("path")), root)))


def _named(name: str, root: Path | None) -> bytes:
    """The file that a row names: a plain one within the dataset's folder, since anybody may write a row.

    Raises:
        ValueError: it is another, or larger than a picture.
        OSError: it cannot be read.
    """
    if root is None:
        raise ValueError("names a file, and is not of a folder")
    whole, within = Path(os.path.realpath(root / name)), Path(os.path.realpath(root))
    if not whole.is_relative_to(within):
        raise ValueError("names a file outside data.path")
    return read_bytes(whole, MAX_PICTURE_BYTES)


def hf_images(data: HubImageKnobs, paths: Mapping[str, str]) -> TablePictures:
    """Images of a dataset in the hub's manner."""
    return TablePictures(_load(data), data.column, data.label)
