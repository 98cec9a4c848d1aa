"""The parts of texts: their own, or stretches of all of it, as streams of what is encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from genkit.data.dataset_knobs import DocumentKnobs
from genkit.data.text.scan import Scan, treated
from genkit.data.text.streams import Texts

CHUNK = 2**20  # characters encoded at once, at least
SHARES = {"three": (0.9, 0.95), "peer": (0.9,)}
FEWEST = {"three": 400, "peer": 200}  # characters of a text that is divided: 20 of them in a held-out part
WORDS = {
    "three": "train 90 % / validation 5 % / test 5 % of the text, in order",
    "peer": "train 90 % / validation 10 % of the text, in order; test is the validation part",
}
UNDIVIDED = "validation and test are the training text"  # how the protocol of a short text begins
Stream = Callable[[], Iterator[str]]


class Streams(dict[str, Stream]):
    """A stream for each part of a text.

    Args:
        whole: all of it, where the parts are stretches of it in their order.
        cuts: the character at which each part but the last ends, increasing.
    """

    def __init__(
        self, parts: Mapping[str, Stream], whole: Stream | None = None, cuts: Sequence[int] = ()
    ) -> None:
        super().__init__(parts)
        self._whole, self._cuts = whole, cuts

    def each(self) -> Iterator[tuple[str, Iterator[str]]]:
        """Every part and its pieces, which are to be used before the next part; a whole is read but once."""
        if self._whole is None:
            yield from ((part, stream()) for part, stream in self.items())
            return
        pieces = _Ahead(self._whole())
        for part, stop in zip(self, (*self._cuts, None), strict=True):
            yield part, pieces.until(stop)


class _Ahead:
    """A text in pieces that can be stopped at any character."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces, self._rest, self._done = pieces, "", 0

    def until(self, stop: int | None) -> Iterator[str]:
        """What comes before a character of the whole; None: all that is left."""
        while piece := self._rest or next(self._pieces, ""):
            wanted = len(piece) if stop is None else stop - self._done
            self._rest = piece[wanted:]
            self._done += len(piece) - len(self._rest)
            if wanted:
                yield piece[:wanted]
            if self._rest:
                return


def streams_of(texts: Texts, data: DocumentKnobs, scan: Scan) -> tuple[Streams, dict[str, str], str]:
    """A stream for each part, the stream that each name stands for, and the protocol in words."""
    left_out = {*scan.refused, *scan.repeated}
    parts = {document.part for document in texts.documents()} - {""} if texts.has_parts else set()
    if parts:
        streams = Streams({p: partial(read, texts, data, left_out, p) for p in sorted(parts)})
        other = "validation" if "validation" in parts else "test"
        files = {p: p if p in parts else other for p in ("train", "validation", "test")}
        two = "" if len(parts) == 3 else f"; {({'validation', 'test'} - parts).pop()} is the {other} part"
        return streams, files, f"the source's own parts{two}"
    whole = partial(read, texts, data, left_out)
    shares = SHARES[data.split]
    if scan.characters < FEWEST[data.split]:
        protocol = f"{UNDIVIDED}, all {scan.characters:,} characters"
        return Streams({"train": whole}), dict.fromkeys(("train", "validation", "test"), "train"), protocol
    places = find_cuts(whole, scan.characters, shares, data.separator or "\n")
    bounds = [0, *places, scan.characters]
    names = ("train", "validation", "test")[: len(bounds) - 1]
    streams = Streams(
        {name: partial(between, whole, bounds[i], bounds[i + 1]) for i, name in enumerate(names)},
        *(whole, places),
    )
    files = {name: name if name in streams else "validation" for name in ("train", "validation", "test")}
    return streams, files, WORDS[data.split]


def read(texts: Texts, data: DocumentKnobs, left_out: set[str], part: str = "") -> Iterator[str]:
    """The kept documents of a part (or all) in chunks that end at ends of documents or lines."""
    separator = data.separator or ""
    chunk: list[str] = []
    length = 0
    for document in texts.documents():
        if document.name in left_out or (part and document.part != part):
            continue
        for text in treated(document, data):
            chunk.append(text)
            length += len(text)
            if length >= CHUNK:
                yield "".join(chunk)
                chunk, length = [], 0
        if separator:
            chunk.append(separator)
            length += len(separator)
    if chunk:
        yield "".join(chunk)


def find_cuts(whole: Stream, total: int, shares: tuple[float, ...], boundary: str) -> list[int]:
    """Places at which to cut: the last end of a document before each share, else of a line, else exactly."""
    targets, cuts, start = [int(total * share) for share in shares], [], 0
    for text in whole():
        if start > targets[-1]:
            break
        for target in targets:
            if start <= target < start + len(text) or (target == total == start + len(text)):
                found = [text.rfind(end, 0, target - start) + len(end) for end in (boundary, "\n")]
                found = [
                    place for place, end in zip(found, (boundary, "\n"), strict=True) if place >= len(end)
                ]
                cuts.append(start + found[0] if found else start)
        start += len(text)
    sound = all(low < high for low, high in zip([0, *cuts], [*cuts, total], strict=True))
    return cuts if sound else targets


def between(whole: Stream, start: int, stop: int) -> Iterator[str]:
    """The characters from `start` to `stop` of a stream."""
    position = 0
    for text in whole():
        piece = text[max(0, start - position) : max(0, stop - position)]
        if piece:
            yield piece
        position += len(text)
        if position >= stop:
            return
