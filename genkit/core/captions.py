"""Texts that stand before examples, so that a model of tokens reads what it is asked for.  No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genkit.core.codecs import Codec, codec_from_dict
from genkit.system.errors import ConfigError
from genkit.system.schemas import typed

LONGEST = 4_096  # ids that a caption may have
CLASSES = "classes"  # in the place of a table: captions that are the names of the classes


@dataclass(frozen=True)
class Captions:
    """How captions are ids: as many for each, filled up at the end.

    The empty caption, of nothing but filling, stands for any.

    Attributes:
        codec: of texts, none of which is outside its vocabulary.
        length: ids of a caption, L.
        of_classes: the caption of each class of the data, where captions are those; () where they are others.
    """

    codec: Codec
    length: int
    of_classes: tuple[str, ...] = ()

    @property
    def vocab_size(self) -> int:
        """Different ids: those of the texts, and the filling, which is the last."""
        return self.codec.vocab_size + 1

    def ids(self, text: str) -> np.ndarray:
        """One caption, int64 (L,).

        Raises:
            ConfigError: it has more ids.
        """
        own = self.codec.encode(plain_caption(text))
        if len(own) > self.length:
            raise ConfigError(
                f"the prompt has {len(own)} tokens, captions here have {self.length} at most; shorten it."
            )
        ids = np.full(self.length, self.codec.vocab_size, dtype=np.int64)
        ids[: len(own)] = own
        return ids

    def text(self, ids: Sequence[int] | np.ndarray) -> str:
        """The caption of ids (L,)."""
        found = np.asarray(ids, dtype=np.int64)
        return self.codec.decode(found[found < self.codec.vocab_size])

    def class_of(self, text: str, classes: Sequence[str]) -> str:
        """The class that a caption is of; the caption itself where it is of none."""
        return classes[self.of_classes.index(text)] if text in self.of_classes else text

    def to_dict(self) -> dict[str, object]:
        said = {"of_classes": list(self.of_classes)} if self.of_classes else {}
        return {"codec": self.codec.to_dict(), "length": self.length, **said}

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> Captions:
        """Rebuild them from `to_dict()`.

        Raises:
            ValueError: there are no such captions.
        """
        form = typed(plain, CaptionForm)
        codec = codec_from_dict(form.codec)
        if codec.array is not None or not 1 <= form.length <= LONGEST:
            raise ValueError(f"no captions are {str(form.length)[:20]} ids of {codec.name}")
        return cls(codec, form.length, form.of_classes)


@dataclass(frozen=True)
class CaptionForm:
    """What is written of captions."""

    codec: dict[str, object]
    length: int
    of_classes: tuple[str, ...] = ()


def plain_caption(text: str) -> str:
    """A caption, or a prompt, with single blanks, and of characters alone."""
    return " ".join(text.encode("utf-8", "replace").decode().split())
