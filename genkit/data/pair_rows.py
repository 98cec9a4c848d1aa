"""Rows of texts on disk: JSON in one array of bytes, and where each row begins.  No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from genkit.core.pairs import Stretch, Turn
from genkit.data.packing import Appended, open_array

Laid = tuple[Stretch, ...]
PlainTurns = list[tuple[str, str]]
PlainLaid = list[list[tuple[str, bool]]]
_SAID, _LAID = msgspec.json.Decoder(PlainTurns), msgspec.json.Decoder(PlainLaid)


def plain_turns(turns: Sequence[Turn]) -> PlainTurns:
    return [(turn.role, turn.content) for turn in turns]


def plain_laid(texts: Sequence[Laid]) -> PlainLaid:
    return [[(stretch.text, stretch.answered) for stretch in text] for text in texts]


class RowWriter:
    """Rows, one after another: NAME.npy, and where they begin in NAME_places.npy."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file, self._places = Appended(folder / f"{name}.npy", np.uint8), [0]
        self._beside = folder / f"{name}_places.npy"

    def add(self, row: PlainTurns | PlainLaid) -> None:
        self._file.append(np.frombuffer(msgspec.json.encode(row), np.uint8))
        self._places.append(self._file.count)

    def close(self) -> None:
        self._file.close()
        np.save(self._beside, np.array(self._places, np.int64))


@dataclass(frozen=True)
class SaidRows:
    """What `RowWriter` has written.

    Attributes:
        content: of all rows, uint8.
        places: where each begins, and the last ends, int64 (R + 1,).
    """

    content: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, folder: Path, name: str) -> SaidRows:
        return cls(open_array(folder / f"{name}.npy"), open_array(folder / f"{name}_places.npy"))

    def __len__(self) -> int:
        return len(self.places) - 1

    def turns(self, row: int) -> tuple[Turn, ...]:
        """A row of `plain_turns`."""
        return tuple(Turn(role, content) for role, content in _SAID.decode(self._row(row)))

    def texts(self, row: int) -> list[Laid]:
        """A row of `plain_laid`."""
        return [tuple(Stretch(*stretch) for stretch in text) for text in _LAID.decode(self._row(row))]

    def _row(self, row: int) -> bytes:
        start, stop = self.places[row : row + 2].tolist()
        return self.content[start:stop].tobytes()
