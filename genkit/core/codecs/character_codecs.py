"""One id for each character, or for each byte, of a text.  Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from genkit.core.codecs.codec import Codec
from genkit.system.errors import ConfigError


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

    @cached_property
    def _ids(self) -> np.ndarray:
        """The id of every code point up to the largest known one; -1 for those that are not known."""
        table = np.full(int(self._points[-1]) + 2, -1, np.int32)
        table[self._points] = np.arange(self.vocab_size)
        return table

    def _look_up(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Code points and ids, below 0 outside the vocabulary."""
        # UTF-32 lays a text out as one uint32 per code point, so the look-up is one vectorised gather.
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        return points, self._ids[np.minimum(points, len(self._ids) - 1)]

    def known(self, text: str) -> str:
        points, ids = self._look_up(text)
        return points[ids >= 0].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def encode(self, text: str) -> np.ndarray:
        points, ids = self._look_up(text)
        unknown = ids < 0
        if unknown.any():
            listed = " ".join(repr(chr(p)) for p in dict.fromkeys(points[unknown][:1000].tolist()))
            raise ConfigError(
                f"characters outside the vocabulary of {self.vocab_size}: {listed[:200]}."
                " Leave them out (in sampling unk=skip does so), or train on a text that has them."
            )
        return ids.astype(np.int64)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        points = self._points[np.asarray(ids, dtype=np.int64)]
        return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def to_dict(self) -> dict[str, object]:
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

    def to_dict(self) -> dict[str, object]:
        return {"name": self.name}
