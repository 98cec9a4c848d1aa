"""Ids of a tokeniser of the `tokenizers` library.  Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

from genkit.core import seams
from genkit.core.codecs.codec import Codec
from genkit.core.seams import Segment, begins
from genkit.core.subwords import Subwords
from genkit.core.word_cuts import batches
from genkit.system.errors import DataError

TOGETHER = 2**19  # characters that the library reads at once, on all cores


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
        return np.concatenate([seams.NONE, *(segment.ids for segment in self.segments([text]))])

    def segments(self, pieces: Iterable[str]) -> Iterator[Segment]:
        own = self._subwords
        if own.cuts is None:
            yield from seams.read(pieces, self._encode, anywhere=own.by_pairs, whole=not own.local)
            return
        for batch in batches(own.cuts.stretches(pieces), TOGETHER):
            yield Segment("".join(batch), np.concatenate(self._encode(batch)), seams.NONE)

    @property
    def exact(self) -> bool:
        return self._subwords.exact

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

    def each_after(self, mark: str, texts: Sequence[str]) -> list[np.ndarray]:
        known, guard = self.mark(mark), self.GUARDS[0]
        before, *wholes = self._encode([guard, *(guard + mark + text for text in texts)])
        before = np.concatenate((before, known))
        return [
            whole[len(before) :] if begins(whole, before) else self.after(mark, text)
            for text, whole in zip(texts, wholes, strict=True)
        ]

    @cached_property
    def before_text(self) -> list[int]:
        """The ids of its own marks that the tokeniser puts before a text that is a whole."""
        return self._subwords.before_text()

    def is_mark(self, id_: int) -> bool:
        """Whether an id is one of the tokeniser's own marks, as of an end, which no other text makes."""
        return id_ in self._subwords.marks

    def mark_of(self, text: str) -> int | None:
        """The id of the mark with this text; None: there is none."""
        id_ = self._subwords.id_of(text)
        return id_ if id_ is not None and self.is_mark(id_) else None

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return self._subwords.decode(ids)

    def to_dict(self) -> dict[str, object]:
        return {"name": self.name, "tokenizer": self._subwords.to_str()}


def shortened(text: str, most: int = 40) -> str:
    """A text in quotes, its middle left out where it is long."""
    return repr(text) if len(text) <= most else f"{text[: most // 2]!r}…{text[-most // 2 :]!r}"
