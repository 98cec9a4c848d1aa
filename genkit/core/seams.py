"""A long text read in segments, with the ids that it has as a whole.  Nothing here knows a library.

What a tokeniser makes of a place depends on what stands around it, so a text cannot be cut just anywhere.
Each segment is read behind the text before it (its context), whose ids are dropped.  A seam holds if three
readings agree: the context's ids are the beginning of those of context and segment together, and the second
half of them is how the segment before ended.  Where a seam does not hold the two segments are read as one; at
worst, then, the whole text is.

For byte-pair encoding this is a proof: a sequence of tokens is the encoding of its text if every neighbouring
pair is that of the pair's text, and a seam's pair has been seen within one reading.  Other models (unigrams,
the longest word first) decide by words, so there only blanks and line ends are tried, whose words stand whole
in both readings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

SEGMENT = 2**17  # characters of a segment, about
CONTEXT = 2**11  # characters read before a segment, and beyond a seam that is tried
BATCH = 8  # segments read at once, on all cores
TRIES = 8  # places of a kind
Encode = Callable[[Sequence[str]], list[np.ndarray]]
NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class Segment:
    """A stretch of a text.

    Attributes:
        ids: of this stretch, int64 (T,).
        before: ids of the context that it was read behind, int64 (C,).
    """

    text: str
    ids: np.ndarray
    before: np.ndarray


def read(pieces: Iterable[str], encode: Encode, *, anywhere: bool, whole: bool = False) -> Iterator[Segment]:
    """The segments of a text that comes in pieces; their ids join to those of the whole text.

    Args:
        encode: ids of each of some texts, each read as a text of its own.
        anywhere: whether a seam may be within a word.
        whole: whether to look for no seams.
    """
    if whole:
        text = "".join(pieces)
        yield Segment(text, encode([text])[0], NONE)
        return
    parts = _cut(pieces, encode, anywhere)
    held, context = None, ""  # the last segment, which may have to be read together with the next
    while batch := list(islice(parts, BATCH)):
        encoded = encode([text for before, part in batch for text in (before, before + part)])
        for (before, text), known, ids in zip(batch, encoded[::2], encoded[1::2], strict=True):
            if held is None:
                held = Segment(text, ids, NONE)
            elif _holds(held.ids, known, ids):
                yield held
                held, context = Segment(text, ids[len(known) :], known), before
            else:
                joined = held.text + text
                held = Segment(joined, encode([context + joined])[0][len(held.before) :], held.before)
    if held is not None:
        yield held


def _holds(earlier: np.ndarray, known: np.ndarray, ids: np.ndarray) -> bool:
    """Whether a segment that ended so may be followed by what was read behind the same context."""
    half = (len(known) + 1) // 2
    return begins(ids, known) and 0 < half <= len(earlier) and bool((earlier[-half:] == known[-half:]).all())


def begins(ids: np.ndarray, known: np.ndarray) -> bool:
    """Whether ids begin with some."""
    return len(known) <= len(ids) and bool((ids[: len(known)] == known).all())


def _cut(pieces: Iterable[str], encode: Encode, anywhere: bool) -> Iterator[tuple[str, str]]:
    """(context, segment), cut where the text around a place says that it may be a seam."""
    before, text, target = "", "", SEGMENT
    for piece in pieces:
        text += piece
        while len(text) >= target + CONTEXT:
            place = next((p for p in _places(text, target, anywhere) if _fits(before, text, p, encode)), None)
            if place is None:
                target += SEGMENT
                continue
            yield before, text[:place]
            before, text, target = (before + text[:place])[-CONTEXT:], text[place:], SEGMENT
    yield before, text


def _fits(before: str, text: str, place: int, encode: Encode) -> bool:
    left = (before + text[max(0, place - CONTEXT) : place])[-CONTEXT:]
    known, ids = encode([left, left + text[place : place + CONTEXT]])
    return len(known) > 0 and begins(ids, known)


def _places(text: str, target: int, anywhere: bool) -> Iterator[int]:
    """Where to try a seam before a target, the likeliest first: lines, blanks, then anywhere if allowed."""
    start = target - SEGMENT // 2
    for pattern in (r"(?<=\n)(?=\S)", r"(?<=\S)(?=[ \n])", r"(?<=\s)(?=\S)"):
        # The last few of them: what is near the target comes at the end.
        near = [start + found.start() for found in re.finditer(pattern, text[start:target])][-TRIES:]
        yield from reversed(near)
    if anywhere:
        yield from range(target, target - TRIES, -1)
