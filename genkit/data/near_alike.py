"""Examples that are alike but for a detail, told by their names and captions: emoji of several skin tones."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

SKIN_TONE = "skin_tone"
FIRST, LAST = 0x1F3FB, 0x1F3FF  # the five skin tones of Unicode
STYLED = 0xFE0F  # stands beside many emoji, and says nothing of what they show
MARKS = re.compile(rf"[{chr(FIRST)}-{chr(LAST)}{chr(STYLED)}]")
POINTS = re.compile(r"[-_ +]+")
TONE = re.compile(r"(?:\b(?:medium-light|medium-dark|light|medium|dark)[ -])?\bskin[ -]tone\b", re.IGNORECASE)
LEFT = re.compile(r"\(\s*\)|(?<=,)\s*,|[\s,:]+$")  # punctuation that has nothing to stand between any more


def alike(names: Sequence[str] | None, captions: Sequence[str] | None, count: int) -> np.ndarray:
    """The group of each of `count` examples, int64 (N,): those that differ by skin tones alone have the same.

    Either sign is enough: a file's name without the code points of skin tones (1f44b-1f3fd.png), or a caption
    without their words ("waving hand: light skin tone").
    """
    group = list(range(count))

    def head(row: int) -> int:
        while group[row] != row:
            group[row] = group[group[row]]
            row = group[row]
        return row

    for texts, without in ((names, of_name), (captions, of_caption)):
        first: dict[str, int] = {}
        for row, text in enumerate(texts or ()):
            if text:
                group[head(row)] = head(first.setdefault(without(text), row))
    return np.array([head(row) for row in range(count)], np.int64)


def of_name(name: str) -> str:
    """A file's name without skin tones."""
    folder, slash, file = name.rpartition("/")
    stem, _, _ = MARKS.sub("", file).rpartition(".")
    points = [point for point in POINTS.split((stem or file).lower()) if not _is_tone(point)]
    return f"{folder}{slash}{'-'.join(points)}"


def _is_tone(point: str) -> bool:
    """Whether a part of a name is the code point of a skin tone, or says no more than that it is coloured."""
    digits = point.removeprefix("u")
    if not re.fullmatch("[0-9a-f]{4,5}", digits):
        return False
    return FIRST <= int(digits, 16) <= LAST or int(digits, 16) == STYLED


def of_caption(caption: str) -> str:
    """A caption without skin tones."""
    if not TONE.search(caption):
        return caption
    found = TONE.sub("", caption)
    while (shorter := LEFT.sub("", found)) != found:
        found = shorter
    return " ".join(found.split())
