"""What a codec is.  Nothing here imports torch."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import numpy as np

from genkit.core import seams
from genkit.core.array_spec import ArraySpec
from genkit.core.media.medium import Medium, Shown
from genkit.core.media.text import TEXT
from genkit.core.seams import Segment


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
    def exact(self) -> bool:
        """Whether it is reversible by construction; else what it does not give back is to be counted."""
        return True

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

    def each_after(self, mark: str, texts: Sequence[str]) -> list[np.ndarray]:
        """As `after` of each of some texts."""
        return [self.after(mark, text) for text in texts]

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
