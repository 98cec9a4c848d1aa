"""Prompts and answers in memory as a source: kept in `paths.cache_dir`, as all that is given in Python is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

from genkit.core.knobs import DataKnobs
from genkit.core.pairs import Pair, Turn
from genkit.data.pair_knobs import MemoryPairKnobs
from genkit.data.pair_rows import RowWriter, SaidRows, plain_turns
from genkit.data.pair_table import PairRow, PairSource
from genkit.data.sources.kept import KEPT, Given, digest_in, digest_of_texts, gone, kept_in, own_knobs
from genkit.data.sources.pair_files import conversation
from genkit.system.errors import DataError

NAME = "turns"
TAKEN = "give (prompt, answer), or a mapping of prompt and answer, or of messages, each a text"


class GivenPairs(Given):
    """Pairs, or conversations."""

    option = "memory_pairs"

    def __init__(self, rows: Sequence[tuple[Turn, ...]]) -> None:
        self._rows = rows
        said = ((str(len(row)), *chain.from_iterable(plain_turns(row))) for row in rows)
        self.digest = digest_of_texts(chain.from_iterable(said))

    def keep(self, data: DataKnobs, paths: Mapping[str, str]) -> None:
        kept_in(own_knobs(data), paths, self._write)

    def _write(self, folder: Path) -> dict[str, object]:
        with closing(RowWriter(folder, NAME)) as target:
            for row in self._rows:
                target.add(plain_turns(row))
        return {"name": KEPT}


class KeptPairs(PairSource):
    """Conversations in a folder that `GivenPairs` has written."""

    def __init__(self, folder: Path, digest: str) -> None:
        self._rows, self._digest = SaidRows.of(folder, NAME), digest

    @property
    def listing(self) -> str:
        return self._digest

    def rows(self) -> Iterator[PairRow]:
        for number in range(len(self._rows)):
            yield PairRow(self._rows.turns(number), f"data=: item {number}")


def memory_pairs(data: MemoryPairKnobs, paths: Mapping[str, str]) -> KeptPairs:
    """Prompts and answers that were given in memory."""
    return KeptPairs(kept_in(data, paths, lambda folder: gone(data, paths)), digest_in(data))


def is_pair(item: object) -> bool:
    """Whether an item of a list is a prompt and its answer, or a conversation."""
    if isinstance(item, Pair):
        return True
    if isinstance(item, tuple | list):
        return len(item) == 2 and all(isinstance(text, str) for text in item)
    return isinstance(item, Mapping) and ("messages" in item or {"prompt", "answer"} <= item.keys())


def turns_of(place: int, item: object) -> tuple[Turn, ...]:
    """What an item says.

    Raises:
        DataError: it is no pair, or says what is no text.
    """
    if isinstance(item, Mapping) and "messages" in item:
        turns, wrong = conversation(item["messages"])
        if wrong:
            raise DataError(f"data=: item {place}: {wrong}.")
    else:
        found = [item.get("prompt"), item.get("answer")] if isinstance(item, Mapping) else item
        found = [found.prompt, found.answer] if isinstance(found, Pair) else found
        texts = [text for text in found if isinstance(text, str)] if isinstance(found, tuple | list) else []
        if len(texts) != 2 or not isinstance(found, tuple | list) or len(found) != 2:
            raise DataError(f"data=: item {place} is no pair; {TAKEN}.")
        turns = Pair(*texts).turns
    for turn in turns:
        try:
            turn.content.encode()
        except UnicodeEncodeError as error:
            half = f"{error.object[error.start]!a} at {error.start}"
            raise DataError(f"data=: item {place} is no text: it has half a character, {half}.") from None
    return turns
