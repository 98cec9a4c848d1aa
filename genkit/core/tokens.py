"""Codecs: text to token ids and back.

A codec is plain data (`to_dict`) and is rebuilt by its registered name, so a saved run can read a prompt
without importing any data module and without executing anything.  Nothing here imports torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from genkit.core.errors import ConfigError


class Codec(ABC):
    """Reversible map between text and ids: `decode(encode(x)) == x` for every x that it can encode."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """Number of distinct ids."""

    @property
    @abstractmethod
    def start(self) -> int:
        """The id that stands before a text: what an empty prompt begins with."""

    @abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """Ids of `text`, int64 (T,).

        Raises:
            ConfigError: the text holds characters outside the vocabulary; they are listed.
        """

    @abstractmethod
    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of `ids`; ids that form no valid text become U+FFFD."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain values that `codec_from_dict` rebuilds the codec from."""


class CharCodec(Codec):
    """One id per Unicode code point that the training text contains, in code-point order."""

    name = "chars"

    def __init__(self, characters: Sequence[str]) -> None:
        if not characters:
            raise ValueError("a character vocabulary needs at least one character")
        self._points = np.array(sorted({ord(c) for c in characters}), dtype=np.uint32)

    @classmethod
    def of(cls, text: str) -> CharCodec:
        """The vocabulary of a text: its distinct characters."""
        return cls(sorted(set(text)))

    @property
    def characters(self) -> str:
        return "".join(map(chr, self._points.tolist()))

    @property
    def vocab_size(self) -> int:
        return len(self._points)

    @property
    def start(self) -> int:
        newline = np.flatnonzero(self._points == ord("\n"))
        return int(newline[0]) if len(newline) else 0

    def encode(self, text: str) -> np.ndarray:
        # UTF-32 lays a text out as one uint32 per code point, so the look-up is one vectorised search.
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        ids = np.minimum(np.searchsorted(self._points, points), self.vocab_size - 1)
        unknown = self._points[ids] != points
        if unknown.any():
            listed = " ".join(repr(chr(p)) for p in dict.fromkeys(points[unknown][:1000].tolist()))
            raise ConfigError(
                f"characters outside the vocabulary of {self.vocab_size}: {listed[:200]}."
                " Leave them out, or train on a text that has them."
            )
        return ids.astype(np.int64)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        points = self._points[np.asarray(ids, dtype=np.int64)]
        return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "characters": self._points.tolist()}


class ByteCodec(Codec):
    """UTF-8 bytes: 256 ids, no text is outside the vocabulary."""

    name = "bytes"
    vocab_size = 256
    start = ord("\n")

    def encode(self, text: str) -> np.ndarray:
        return np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8).astype(np.int64)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return np.asarray(ids, dtype=np.uint8).tobytes().decode("utf-8", "replace")

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name}


def codec_from_dict(plain: dict[str, Any]) -> Codec:
    """Rebuild a codec by its registered name.

    Raises:
        ValueError: no such codec.
    """
    name = plain.get("name")
    if name == CharCodec.name:
        return CharCodec([chr(int(point)) for point in plain["characters"]])
    if name == ByteCodec.name:
        return ByteCodec()
    raise ValueError(f"unknown codec {name!r}; known: {CharCodec.name}, {ByteCodec.name}")
