"""Clips that belong together below one another, their frames in a row: what was given, what a model made of
it, the truth.  Where what is given ends, and where it begins again, a line goes through all of them.

Nothing here imports torch.

Legend: n clips, C channels, T frames of a clip, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genkit.system.terminal import without_controls

PAPER, INK, BORDER = (255, 255, 255), (32, 36, 42), (214, 40, 40)
SMALLEST = 40  # pixels a side of a frame: smaller ones are enlarged by a whole factor
GAP, APART, BETWEEN, AROUND = 2, 9, 12, 4  # pixels: of frames, at a border, of groups, at the edges
LETTERS, MOST = 11, 32  # pixels; letters of a caption


@dataclass(frozen=True)
class _Places:
    """Where frames stand, in pixels.

    Attributes:
        lefts, tops: of the frames of a clip, of the clips.
        lines: the left of each border.
        right, bottom: of all.
    """

    lefts: Sequence[int]
    tops: Sequence[int]
    lines: Sequence[int]
    right: int
    bottom: int


def prediction_strip(
    clips: np.ndarray, captions: Sequence[str], together: int, unknown: np.ndarray | None = None
) -> Image.Image:
    """All clips, one below another, in groups.

    Args:
        clips: uint8 (n, C, T, H, W).
        captions: what stands before each.
        together: clips of a group.
        unknown: places of a clip of which something was left open, bool (T, H, W).
    """
    n, channels, _, height, width = clips.shape
    scale = max(1, -(-SMALLEST // max(height, width)))
    frames = np.moveaxis(clips, 1, -1).repeat(scale, 2).repeat(scale, 3)  # (n, T, H, W, C)
    frames = frames.repeat(3, -1) if channels == 1 else frames
    letters = ImageFont.load_default(LETTERS)
    words = [" ".join(without_controls(caption).split())[:MOST] for caption in captions]
    left = AROUND + max((round(letters.getlength(word)) + 2 * AROUND for word in words if word), default=0)
    places = _places(frames.shape, left, together, _borders(unknown))
    canvas = np.full((places.bottom, places.right, 3), PAPER, np.uint8)
    for top, clip in zip(places.tops, frames, strict=True):
        for across, frame in zip(places.lefts, clip, strict=True):
            canvas[top : top + height * scale, across : across + width * scale] = frame
    sheet = Image.fromarray(canvas)
    draw = ImageDraw.Draw(sheet)
    for top, word in zip(places.tops, words, strict=True):
        draw.text((left - 2 * AROUND, top + height * scale // 2), word, INK, letters, "rm")
    for first in range(0, n, together):
        last = min(n, first + together) - 1
        for line in places.lines:
            draw.rectangle(
                (line, places.tops[first], line + 1, places.tops[last] + height * scale - 1), BORDER
            )
    return sheet


def _borders(unknown: np.ndarray | None) -> set[int]:
    """The frames that are given, each after one that is not, and the other way round."""
    if unknown is None:
        return set()
    left_open = [bool(frame.any()) for frame in unknown]
    return {t for t in range(1, len(left_open)) if left_open[t] != left_open[t - 1]}


def _places(shape: Sequence[int], left: int, together: int, borders: set[int]) -> _Places:
    """Of enlarged frames (n, T, H, W, C)."""
    n, count, height, width = shape[:4]
    lefts, lines, tops = [], [], []
    across, down = left, AROUND
    for frame in range(count):
        if frame in borders:
            across += APART - GAP
            lines.append(across - APART // 2 - 1)
        lefts.append(across)
        across += width + GAP
    for clip in range(n):
        down += BETWEEN - GAP if clip and clip % together == 0 else 0
        tops.append(down)
        down += height + GAP
    return _Places(lefts, tops, lines, across - GAP + AROUND, down - GAP + AROUND)
