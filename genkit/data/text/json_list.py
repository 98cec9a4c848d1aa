"""The entries of a JSON list that comes in pieces, one after another: never the whole list.

Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator

from genkit.system.plain import next_json

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
LONGEST = 2**26  # characters of an entry
BLANKS = " \t\r\n"


class JsonList:
    """A list, read on and on.

    Args:
        pieces: its text, cut anywhere.

    Attributes:
        line: from 1, of what was read last.
    """

    def __init__(self, pieces: Iterator[str]) -> None:
        self.line = 1
        self._pieces, self._text, self._place, self._whole = pieces, "", 0, False

    def entries(self) -> Iterator[tuple[int, Json]]:
        """Each entry, and the line in which it begins.

        Raises:
            ValueError: it is no list, or not further; `line` is where.
        """
        if self._mark() != "[":
            raise ValueError("a list begins with [")
        if self._seen() != "]":
            while True:
                self._seen()
                line = self.line
                yield line, self._value()
                if (mark := self._mark()) == "]":
                    break
                if mark != ",":
                    raise ValueError("a comma between two entries, or the ] after the last, is missing")
        else:
            self._mark()
        if self._seen():
            raise ValueError("something stands behind the end of the list")

    def _further(self, wanted: int) -> None:
        """Have so many characters ahead, if there are as many."""
        parts = [self._text[self._place :]]
        ahead = len(parts[0])
        while ahead < wanted and not self._whole:
            piece = next(self._pieces, None)
            self._whole = piece is None
            parts.append(piece or "")
            ahead += len(parts[-1])
        self._text, self._place = "".join(parts), 0

    def _seen(self) -> str:
        """The next character that is no blank, which stays ahead; "" at the end."""
        while True:
            while self._place < len(self._text) and self._text[self._place] in BLANKS:
                self.line += self._text[self._place] == "\n"
                self._place += 1
            if self._place < len(self._text) or self._whole:
                return self._text[self._place : self._place + 1]
            self._further(1)

    def _mark(self) -> str:
        """The same, read."""
        mark = self._seen()
        self._place += len(mark)
        return mark

    def _value(self) -> Json:
        while True:
            ahead = len(self._text) - self._place
            found: Json = None
            try:
                found, end = next_json(self._text, self._place)
            except ValueError:  # it may only have been cut
                if self._whole or ahead > LONGEST:
                    raise
                end = len(self._text)
            left = self._text[end : end + 3]
            cut = not left or (left[0] in ".eE" and len(left) < 3)  # also a number in its middle: 1. and 1e+
            if not cut or self._whole:
                self.line += self._text.count("\n", self._place, end)
                self._place = end
                return found
            self._further(2 * ahead + 1)
