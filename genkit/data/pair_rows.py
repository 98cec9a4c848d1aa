"""Rows of texts on disk: JSON in one array of bytes, and where each row begins.  No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from genkit.core.pairs import Stretch, Turn
from genkit.data.packing import Appended, open_array

Laid = tuple[Stretch, ...]
_LAID = msgspec.json.Decoder(list[list[tuple[str, bool]]])
_SAID = msgspec.json.Decoder(list[tuple[str, str]])


class RowWriter:
    """Values as JSON, one after another in a file."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file, self._places, self._place = Appended(folder / f"{name}.npy", np.uint8), [0], folder
        self._name = name

    def add(self, value: Any) -> None:
        self._file.append(np.frombuffer(msgspec.json.encode(value), np.uint8))
        self._places.append(self._file.count)

    def close(self) -> None:
        self._file.close()
        singular = self._name.removesuffix("s")
        np.save(self._place / f"{singular}_places.npy", np.array(self._places, np.int64))


class LaidRows:
    """What `RowWriter` has laid down of texts, for the time of a packing."""

    def __init__(self, folder: Path, name: str) -> None:
        self._files = [folder / f"{name}.npy", folder / f"{name}_places.npy"]
        self._bytes, places = map(open_array, self._files)
        self._places = places

    def __len__(self) -> int:
        return len(self._places) - 1

    def texts(self, row: int) -> list[Laid]:
        start, stop = self._places[row : row + 2].tolist()
        plain = _LAID.decode(self._bytes[start:stop].tobytes())
        return [tuple(Stretch(text, answered) for text, answered in stretches) for stretches in plain]

    def remove(self) -> None:
        for file in self._files:
            file.unlink()


def said_in(said: bytes) -> tuple[Turn, ...]:
    return tuple(Turn(role, content) for role, content in _SAID.decode(said))
