"""A long text in stretches that are read as they are within the whole, by tokenisers of which that is proved.

GPT-2's words, and those of its descendants, have blanks at their beginning alone, and what they make of a
blank depends on what stands behind it.  So no word reaches over a place between another character and a blank
or a line end, and a text that is cut there has the words of its two parts.  (What a word looks for beyond its
end is whether blanks go on, and they are cut nowhere.)  Nothing here knows a library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

STRETCH = 2_000  # characters, about; the library is slower with longer texts, and with shorter ones
GPT2 = r"\S(?=[ \n])"
# Here line ends go with the marks before them, and blanks with the line ends behind.
LLAMA3 = r"[^\W_](?=[ \n])|\n(?=\S)"


@dataclass(frozen=True)
class WordCuts:
    """Where a text may be cut.

    Args:
        pattern: of a place, its characters on the left and a look at those on the right.
        whole: texts in which no cut may be, though it fits the pattern: separators with blanks in them.
    """

    pattern: str
    whole: tuple[str, ...] = ()

    @cached_property
    def _places(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def stretches(self, pieces: Iterable[str], size: int | None = None) -> Iterator[str]:
        """A text that comes in pieces, in stretches of about `size` characters; none is empty."""
        size = size or STRETCH
        beside = max(1, *map(len, self.whole), 1)  # characters around a place by which it is judged
        begun: list[str] = []  # of a stretch
        length, ahead = 0, ""  # of those, and what is looked at again with what comes next
        for piece in pieces:
            text, start = ahead + piece, 0
            while place := self._place(text, max(beside, start + size - length), len(text) - beside):
                yield "".join((*begun, text[start:place]))
                begun, length, start = [], 0, place
            kept = max(start, len(text) - 2 * beside)
            begun.append(text[start:kept])
            length, ahead = length + kept - start, text[kept:]
        if rest := "".join((*begun, ahead)):
            yield rest

    def _place(self, text: str, low: int, high: int) -> int:
        """The first place from `low` to `high` at which a text may be cut; 0: there is none."""
        for found in self._places.finditer(text, low - 1):
            place = found.end()
            if place > high:
                return 0
            around = (text[max(0, place - len(w) + 1) : place + len(w) - 1] for w in self.whole)
            if not any(whole in beside for whole, beside in zip(self.whole, around, strict=True)):
                return place
        return 0


def batches(stretches: Iterable[str], most: int) -> Iterator[Sequence[str]]:
    """Stretches in lists of about so many characters together."""
    batch: list[str] = []
    length = 0
    for stretch in stretches:
        batch.append(stretch)
        length += len(stretch)
        if length >= most:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch
