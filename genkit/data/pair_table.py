"""What pairs are read from: conversations one by one, each with its part and its place.  No torch here."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from genkit.core.media.medium import Medium
from genkit.core.media.text import TEXT
from genkit.core.pairs import Pair, Turn


@dataclass(frozen=True)
class PairRow:
    """A conversation to learn from.

    Attributes:
        turns: what is said; () where it cannot be read.
        place: where it stands, for messages: "line 7".
        part: "train", "validation" or "test", where the source has parts.
        fault: why it cannot be read; "": it can.
    """

    turns: tuple[Turn, ...]
    place: str
    part: str = ""
    fault: str = ""


class PairSource(ABC):
    """Conversations that can be read as often as needed.

    Attributes:
        name: for messages.
        has_parts: whether each knows its part.
        protocol: how the parts were made, in words; "" where `data.split` makes them.
        notices: what a user should know.
    """

    medium: ClassVar[Medium] = TEXT
    has_parts: bool = False
    protocol: str = ""
    notices: Sequence[str] = ()

    @property
    @abstractmethod
    def listing(self) -> str:
        """A text that changes when the conversations do."""

    @abstractmethod
    def rows(self) -> Iterator[PairRow]:
        """All of them, always in the same order.

        Raises:
            DataError: there are none to be had.
        """


@dataclass(frozen=True)
class PairTable(PairSource):
    """The pairs of each part, in memory.

    Attributes:
        parts: by "train", "validation" and "test"; two of them may be the same.
        protocol: how they were made, in words.
    """

    parts: Mapping[str, Sequence[Pair]]
    protocol: str
    has_parts: bool = True

    @cached_property
    def listing(self) -> str:
        sha = hashlib.sha256()
        for row in self.rows():
            for text in (row.part, *(turn.content for turn in row.turns)):
                encoded = text.encode("utf-8", "surrogatepass")
                sha.update(f"{len(encoded)}\0".encode())
                sha.update(encoded)
        return sha.hexdigest()

    def rows(self) -> Iterator[PairRow]:
        for part, pairs in self.parts.items():
            for number, pair in enumerate(pairs, 1):
                yield PairRow(pair.turns, f"pair {number} of the {part} part", part)
