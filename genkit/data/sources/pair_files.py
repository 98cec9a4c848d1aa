"""Prompts and answers in a person's own files: two columns of a table, or the messages of conversations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from genkit.core.pairs import ASSISTANT, USER, Turn
from genkit.data.packing import key_of, listing_of, printable
from genkit.data.pair_knobs import PairFileKnobs
from genkit.data.pair_table import PairRow, PairSource
from genkit.data.splits import PARTS
from genkit.data.text.table_files import SUFFIXES, TableFile, TableRow, is_table
from genkit.system.errors import ConfigError, DataError, enumerated
from genkit.system.paths import sought
from genkit.system.schemas import WORDS

# What people call the columns, where nobody says which: those of the published sets of instructions.
PROMPTS = ("prompt", "question", "instruction", "query", "input", "source")
ANSWERS = ("answer", "completion", "response", "output", "target")
MESSAGES = ("messages", "conversations", "conversation")


@dataclass(frozen=True)
class Columns:
    """Which columns hold what: a prompt and an answer each, or whole conversations.

    Attributes:
        chosen: whether somebody has named them.
    """

    names: tuple[str, ...]
    chosen: bool

    def turns(self, row: TableRow) -> tuple[tuple[Turn, ...], str]:
        """What is said in a row, or what is wrong with it."""
        if len(self.names) == 1:
            return conversation(row.values[0])
        for name, value in zip(self.names, row.values, strict=True):
            if not isinstance(value, str):
                return (), f"{name!r} is {_kind(value)}, and no text"
        prompt, answer = row.values
        return (Turn(USER, str(prompt)), Turn(ASSISTANT, str(answer))), ""


class PairFiles(PairSource):
    """Tables of one folder, one for each part, or one by itself.

    Args:
        files: by their parts; "" of one by itself.
    """

    def __init__(self, files: Mapping[str, Path], columns: Columns, encoding: str) -> None:
        self._files, self._columns, self._encoding = files, columns, encoding
        self.has_parts = "" not in files
        if not columns.chosen and columns.names != (PROMPTS[0], ANSWERS[0]) and len(columns.names) == 2:
            self.notices = (
                f"its prompts are read from {columns.names[0]!r}, its answers from {columns.names[1]!r}",
            )

    @cached_property
    def listing(self) -> str:
        about = {f"{part}/{path.name}": path.stat() for part, path in self._files.items()}
        files = listing_of({name: (stat.st_size, stat.st_mtime_ns) for name, stat in about.items()})
        return key_of({"files": files, "columns": self._columns.names, "encoding": self._encoding})

    def rows(self) -> Iterator[PairRow]:
        for part, path in self._files.items():
            table = TableFile(path, self._encoding)
            for row in table.rows(self._columns.names):
                turns, fault = ((), row.fault) if row.fault else self._columns.turns(row)
                yield PairRow(turns, printable(table.place(row)), part, fault)


def conversation(value: object) -> tuple[tuple[Turn, ...], str]:
    """The turns of a list of messages, or what is wrong with it."""
    if not isinstance(value, list):
        return (), f"its messages are {_kind(value)}, and no list"
    turns = []
    for place, message in enumerate(value, 1):
        if not isinstance(message, dict):
            return (), f"message {place} is {_kind(message)}, and no object with role and content"
        role, content = message.get("role"), message.get("content")
        for name, found in (("role", role), ("content", content)):
            if not isinstance(found, str):
                said = f"is {_kind(found)}, and no text" if name in message else "is missing"
                return (), f"the {name} of message {place} {said}"
        turns.append(Turn(str(role), str(content)))
    return tuple(turns), ""


def _kind(value: object) -> str:
    return WORDS.get(type(value), f"of the type {type(value).__name__}")


def pairs(data: PairFileKnobs, paths: Mapping[str, str]) -> PairFiles:
    """A table of prompts and answers, or of conversations, or a folder with one for each part."""
    if not data.path:
        raise ConfigError("data=pairs needs data.path=FILE, a table of prompts and answers.")
    path = Path(data.path).expanduser()
    files = _parts(path) if path.is_dir() else {"": path}
    for file in files.values():
        if not file.exists():
            raise DataError(f"{file} is missing; check the path.{sought(file)}")
        if not is_table(file):
            raise DataError(f"{file} is no table; give one of {' '.join(SUFFIXES)}.")
    first = next(iter(files.values()))
    return PairFiles(files, _columns(data, TableFile(first, data.encoding)), data.encoding)


def _parts(folder: Path) -> dict[str, Path]:
    """The table of each part in a folder: train.jsonl, validation.jsonl, test.jsonl.

    Raises:
        DataError: a part has none, or several.
    """
    words = {word: part for part, names in PARTS.items() for word in names}
    found: dict[str, Path] = {}
    tables = sorted(file for file in folder.iterdir() if is_table(file))
    for file in tables:
        part = words.get(file.name.partition(".")[0].lower())
        if part in found:
            raise DataError(
                f"{folder} has two tables of its {part} part, {found[part].name} and {file.name}."
            )
        if part is not None:
            found[part] = file
    if "train" not in found or len(found) < 2:
        have = enumerated(printable(file.name) for file in tables) or "no tables"
        raise DataError(
            f"{folder} needs a table for each part, such as train.jsonl and validation.jsonl; it has {have}."
        )
    return {part: found[part] for part in PARTS if part in found}


def _columns(data: PairFileKnobs, table: TableFile) -> Columns:
    """The columns that are named, or those whose names say what they are.

    Raises:
        ConfigError: both kinds are named, or one of two.
        DataError: none says so.
    """
    asked, answered, messages = data.prompt_column, data.answer_column, data.messages_column
    if messages is not None:
        return Columns((messages,), True)
    if asked is not None and answered is not None:
        return Columns((asked, answered), True)
    names = table.columns()
    if asked is None and answered is None and (found := _first(MESSAGES, names)):
        return Columns((found,), False)
    prompt, answer = asked or _first(PROMPTS, names), answered or _first(ANSWERS, names)
    if not prompt or not answer:
        raise DataError(
            f"{table.path} has columns {enumerated(names) or 'none'}: say which are read by"
            " data.prompt_column= and data.answer_column=, or by data.messages_column=."
        )
    return Columns((prompt, answer), False)


def _first(known: Sequence[str], names: Sequence[str]) -> str:
    return next((name for name in known if name in names), "")
