"""A text read by a codec, and what is to be known of that: bytes, what is lost, where documents end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from genkit.core.codecs import Codec, SubwordCodec
from genkit.core.codecs.subword_codec import shortened
from genkit.core.seams import Segment
from genkit.system.errors import DataError

SHOWN = 5  # characters of each kind
AROUND = 12  # characters shown on either side of a difference


class Losses:
    """What a codec does not give back of a text, counted while it is read.

    Attributes:
        characters: read so far.
        lost, added: characters that do not come back, and those that come instead.
        example: the first place where they differ, in words; "" where none does.
    """

    def __init__(self) -> None:
        self.characters = 0
        self.lost: Counter[str] = Counter()
        self.added: Counter[str] = Counter()
        self.example = ""

    def add(self, codec: Codec, segment: Segment) -> None:
        """Compare a stretch with what its ids say."""
        known = codec.decode(segment.before)
        back = codec.decode(np.concatenate((segment.before, segment.ids)))[len(known) :]
        self.characters += len(segment.text)
        if back == segment.text:
            return
        own, others = Counter(segment.text), Counter(back)
        self.lost += own - others
        self.added += others - own
        if not self.example:
            self.example = _difference(segment.text, back)

    def __str__(self) -> str:
        """One line; empty where everything comes back."""
        if not self.example:
            return ""
        lost, added = self.lost.total(), self.added.total()
        what = ", ".join(f"{character!r} {n:,}" for character, n in self.lost.most_common(SHOWN))
        if lost:
            return f"loses {lost:,} of {self.characters:,} characters (most: {what}): {self.example}"
        what = f"gives {added:,} more than" if added else "gives another order of"
        return f"{what} the {self.characters:,} characters read: {self.example}"


def _difference(text: str, back: str) -> str:
    """The first place at which two texts differ, in words."""
    pairs = enumerate(zip(text, back, strict=False))
    place = next((i for i, (own, other) in pairs if own != other), min(len(text), len(back)))
    start = max(0, place - AROUND)
    own, other = (whole[start : place + AROUND] for whole in (text, back))
    return f"{own!r} comes back as {other!r}"


class Reading:
    """The ids of one part after another.

    Args:
        separator: what ends a document.

    Attributes:
        losses: of a tokeniser.
        bytes: UTF-8 of each part.
    """

    def __init__(self, codec: Codec, separator: str | None) -> None:
        self.codec, self.separator = codec, separator
        self.losses = Losses()
        self.bytes: dict[str, int] = {}
        self._ends: list[_Ends] = []

    def ids(self, part: str, pieces: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
        """Stretches of a part and their ids."""
        subwords = isinstance(self.codec, SubwordCodec)  # all others give a separator the ids that it has
        ends = _Ends(self.codec, self.separator) if subwords and self.separator else None
        self._ends += [ends] if ends else []
        self.bytes[part] = 0
        for segment in self.codec.segments(pieces):
            self.bytes[part] += len(segment.text.encode("utf-8", "replace"))
            if not self.codec.exact:
                self.losses.add(self.codec, segment)
            if ends:
                ends.add(segment)
            yield segment.text, segment.ids

    def accept(self, lossy: bool) -> list[str]:
        """What to say of losses, if they may be.

        Raises:
            DataError: they may not, or separators cannot be told among the ids.
        """
        notices = accept(str(self.losses), lossy)
        for ends in self._ends:
            ends.check()
        return notices


def accept(lost: str, lossy: bool) -> list[str]:
    """Notices of what a tokeniser loses, as `Losses` says it.

    Raises:
        DataError: it may lose nothing.
    """
    if lost and not lossy:
        raise DataError(
            f"the tokeniser {lost}. Choose one that keeps them (data.tokenizer=bpe),"
            " or train on what is left with data.lossy=true."
        )
    return [f"the tokeniser {lost}; bits per byte of this text do not exist."] if lost else []


class _Ends:
    """Whether every separator of a text has the same ids, by which ends of documents are found later."""

    def __init__(self, codec: Codec, separator: str | None) -> None:
        assert separator is not None
        self.separator, self.mark = separator, codec.mark(separator)
        self.said = self.found = 0
        self._text, self._ids = "", np.empty(0, np.int64)  # beginnings of what may go on

    def add(self, segment: Segment) -> None:
        text, ids = self._text + segment.text, np.concatenate((self._ids, segment.ids))
        last = text.rfind(self.separator)
        self.said += text.count(self.separator)
        after = last + len(self.separator) if last >= 0 else 0
        self._text = text[max(after, len(text) - len(self.separator) + 1) :]
        places = find(ids, self.mark)
        self.found += len(places)
        after = int(places[-1]) + len(self.mark) if len(places) else 0
        self._ids = ids[max(after, len(ids) - len(self.mark) + 1) :]

    def check(self) -> None:
        """
        Raises:
            DataError: some separator melts into its neighbours.
        """
        if self.said != self.found:
            raise DataError(
                f"data.separator={shortened(self.separator)} stands {self.said:,} times in the text, and"
                f" {self.found:,} times among its tokens, because this tokeniser joins it with what is"
                " beside it; choose a separator that is a token of the tokeniser, such as its end of text."
            )


def find(ids: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Places at which ids hold a mark, none within another, increasing."""
    if not len(mark):
        return np.empty(0, np.int64)
    places = np.flatnonzero(ids[: max(0, len(ids) - len(mark) + 1)] == mark[0])
    for offset in range(1, len(mark)):
        places = places[ids[places + offset] == mark[offset]]
    if len(mark) == 1:
        return places
    kept, free = [], 0
    for place in places.tolist():
        if place >= free:
            kept.append(place)
            free = place + len(mark)
    return np.array(kept, np.int64)
