"""Codecs: texts, or the levels of arrays, to token ids and back.

A codec is plain data (`to_dict`) and is rebuilt by its registered name, so a saved run can read a prompt
without importing any data module and without executing anything.  Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from genkit.core import seams
from genkit.core.array_spec import ArraySpec
from genkit.core.media.medium import Medium, Shown
from genkit.core.media.text import TEXT
from genkit.core.seams import Segment, begins
from genkit.core.subwords import Subwords
from genkit.system.errors import ConfigError, DataError
from genkit.system.schemas import typed


class Codec(ABC):
    """Reversible map between text and ids: `decode(encode(x)) == x` for every x that it can encode.

    Attributes:
        length: ids in a whole example, where every example has the same; None where texts are of any length.
        array: what an example is as an array; None where it is none.
    """

    name: ClassVar[str]
    length: int | None = None
    array: ArraySpec | None = None

    @property
    def medium(self) -> Medium:
        """What an example is."""
        return TEXT if self.array is None else self.array.medium

    @property
    def outputs(self) -> int | None:
        """How many ids can come next, the first of them; None: all."""
        return None

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

    def known(self, text: str) -> str:
        """`text` without the characters outside the vocabulary."""
        return text

    def segments(self, pieces: Iterable[str]) -> Iterator[Segment]:
        """A text that comes in pieces, in stretches whose ids join to those of `encode` for all of it."""
        for piece in pieces:
            yield Segment(piece, self.encode(piece), seams.NONE)

    def mark(self, text: str) -> np.ndarray:
        """Ids that `text` (what ends a document, say) has where it stands within a text, int64 (T,)."""
        return self.encode(text)

    def after(self, mark: str, text: str) -> np.ndarray:
        """Ids that `text` has where it stands after a mark within a text, int64 (T,)."""
        return self.encode(text)

    @abstractmethod
    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of `ids`; ids that form no valid text become U+FFFD."""

    def shown(self, sequences: Sequence[np.ndarray]) -> Shown:
        """Sequences of ids, int64 (T_i,), as their medium shows them."""
        return Shown([self.decode(ids) for ids in sequences])

    @abstractmethod
    def to_dict(self) -> dict[str, object]:
        """Plain values that `codec_from_dict` rebuilds the codec from."""

    def sha256(self) -> str:
        """Of the plain values: two codecs with one hash read alike."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()


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


class SubwordCodec(Codec):
    """A tokeniser of the `tokenizers` library: byte-pair encoding trained here, or anybody's own.

    Its ids are those that the library gives for the whole text, whatever the length.

    Args:
        plain: the content of a `tokenizer.json`, which is data: nothing in it is executed.

    Raises:
        ValueError: the library cannot read it.
    """

    name = "subwords"
    OPENINGS = ("<|endoftext|>", "<|begin_of_text|>", "<s>", "<bos>", "[CLS]", "</s>")
    GUARDS = ("a", ".", "1", " ")  # what to put around a text to see what becomes of it within another

    def __init__(self, plain: str) -> None:
        try:
            self._subwords = Subwords(plain)
        except ValueError as error:
            raise ValueError(f"no tokenizer.json: {error}") from None

    @property
    def vocab_size(self) -> int:
        return self._subwords.ids

    @cached_property
    def start(self) -> int:
        """A line end, which stands in every text; else what the tokeniser has to open one."""
        line_end = self.mark("\n")
        if len(line_end) == 1 and self.decode(line_end) == "\n":
            return int(line_end[0])
        known = [self._subwords.id_of(opening) for opening in self.OPENINGS]
        return next((id_ for id_ in known if id_ is not None), int(next(iter(line_end), 0)))

    def encode(self, text: str) -> np.ndarray:
        return np.concatenate([segment.ids for segment in self.segments([text])])

    def segments(self, pieces: Iterable[str]) -> Iterator[Segment]:
        own = self._subwords
        return seams.read(pieces, self._encode, anywhere=own.by_pairs, whole=not own.local)

    def _encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        try:
            return self._subwords.encode(texts)
        except ValueError as error:
            raise DataError(
                f"{error}: it cannot read {shortened(texts[-1])}; choose another, such as data.tokenizer=bpe."
            ) from None

    def mark(self, text: str) -> np.ndarray:
        for guard in self.GUARDS:
            before, *wholes = self._encode([guard, *(guard + text + after for after in self.GUARDS)])
            if not len(before) or not all(begins(whole, before) for whole in wholes):
                continue
            rest, outer = wholes[0][len(before) :], self.decode(before)
            for length in range(1, len(rest) + 1):
                mark = np.concatenate((before, rest[:length]))
                if not all(begins(whole, mark) for whole in wholes):
                    break
                if self.decode(mark) == outer + text:
                    return rest[:length]
        return self.encode(text)

    def after(self, mark: str, text: str) -> np.ndarray:
        known = self.mark(mark)
        for guard in self.GUARDS:
            before = self.encode(guard)
            whole = self.encode(guard + mark + text)
            if begins(whole, np.concatenate((before, known))):
                return whole[len(before) + len(known) :]
        return self.encode(text)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return self._subwords.decode(ids)

    def to_dict(self) -> dict[str, object]:
        return {"name": self.name, "tokenizer": self._subwords.to_str()}


class PixelCodec(Codec):
    """Arrays as ids, place by place in their medium's order and at a place channel by channel: of an image
    row by row, in a row pixel by pixel.

    An id is a level; one more stands before every array.  As a text, an array is its levels as decimal
    numbers with blanks between them, so a prompt is the beginning of one.

    Args:
        array: what the arrays are; its classes are left out.
    """

    name = "pixels"
    length: int
    array: ArraySpec

    def __init__(self, array: ArraySpec) -> None:
        self.array = replace(array, classes=())
        self.length = array.size

    @property
    def vocab_size(self) -> int:
        return self.array.levels + 1

    @property
    def start(self) -> int:
        return self.array.levels

    @property
    def outputs(self) -> int:
        return self.array.levels

    def to_ids(self, arrays: np.ndarray) -> np.ndarray:
        """Levels (B, C, *sizes) as ids without the start, (B, T)."""
        return np.reshape(arrays.transpose(self.array.order), (len(arrays), -1))

    def to_array(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """Ids as levels, uint8 (C, *sizes): what is missing at the end is level 0, a start is the highest."""
        levels = np.zeros(self.length, dtype=np.uint8)
        given = np.asarray(ids, dtype=np.int64)[: self.length].clip(0, self.array.levels - 1)
        levels[: len(given)] = given
        arrays: np.ndarray = levels.reshape(1, *self.array.ordered).transpose(self.array.back)
        return np.squeeze(arrays, 0)

    def encode(self, text: str) -> np.ndarray:
        words, levels = text.split(), self.array.levels
        wrong = [w for w in words if not (w.isascii() and w.isdecimal() and int(w) < levels)]
        if wrong or len(words) > self.length:
            what = f"{wrong[0]!r} is no level" if wrong else f"{len(words)} levels are too many"
            raise ConfigError(
                f"{what}: {self.medium.one} begins with up to {self.length} levels from 0 to {levels - 1},"
                " with blanks between them."
            )
        return np.array([int(word) for word in words], dtype=np.int64)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return " ".join(map(str, np.asarray(ids, dtype=np.int64).tolist()))

    def shown(self, sequences: Sequence[np.ndarray]) -> Shown:
        return self.array.shown([self.to_array(ids) for ids in sequences])

    def to_dict(self) -> dict[str, object]:
        return {"name": self.name, **self.array.form()}


def codec_from_dict(plain: Mapping[str, object]) -> Codec:
    """Rebuild a codec by its registered name.

    Raises:
        ValueError: no such codec, or it cannot be rebuilt.
    """
    name = plain.get("name")
    if name == CharCodec.name:
        return CharCodec([chr(point) for point in typed(plain.get("characters"), list[int], "characters")])
    if name == ByteCodec.name:
        return ByteCodec()
    if name == SubwordCodec.name:
        return SubwordCodec(typed(plain.get("tokenizer"), str, "tokenizer"))
    if name == PixelCodec.name:
        return PixelCodec(ArraySpec.from_form(plain))
    known = ", ".join(codec.name for codec in (CharCodec, ByteCodec, SubwordCodec, PixelCodec))
    raise ValueError(f"unknown codec {name!r}; known: {known}")


def shortened(text: str, most: int = 40) -> str:
    """A text in quotes, its middle left out where it is long."""
    return repr(text) if len(text) <= most else f"{text[: most // 2]!r}…{text[-most // 2 :]!r}"
