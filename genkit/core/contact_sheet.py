"""Clips in one picture: the frames of each in a row, one clip below another.

Nothing here imports torch.  Legend: n clips, T frames, H height, W width, C channels, 1 or 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from genkit.core.grid import picture
from genkit.core.lettering import fitted, letters

SMALLEST = 32  # pixels of a frame: smaller ones are enlarged by a whole factor
MOST_FRAMES = 16  # of a clip
WIDEST = 2_100  # pixels of a clip's frames, if at least four are shown
ACROSS, HIGHEST = 1_400, 1_060  # pixels of columns side by side, and of the whole, if that can be
GAP = 10  # pixels between clips that stand side by side
PAPER, LINE, INK, SOFT = 255, 128, (32, 36, 42), (112, 118, 126)
LETTERS, CAPTION = 12, 150  # pixels: of letters, and of the longest caption
HEAD = 16  # pixels for the numbers of frames


@dataclass(frozen=True)
class Strips:
    """Where the strips of frames stand, in pixels.

    Attributes:
        count: clips.
        frames: numbers of those that are shown of each clip, from 0.
        height, width: of a frame as it is shown.
        columns: clips side by side.
        room: how many columns have room; the others stand below these.
        border: between frames.
        left: for a caption.
        head: for the numbers of frames.
    """

    count: int
    frames: range
    height: int
    width: int
    columns: int
    room: int
    border: int
    left: int
    head: int

    @property
    def strip(self) -> int:
        """Width of a clip's frames."""
        return len(self.frames) * (self.width + self.border) + self.border

    @property
    def stack(self) -> int:
        """Height of the clips of one column."""
        return math.ceil(self.count / self.columns) * (self.height + self.border) + self.border

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole."""
        across, down = min(self.room, self.columns), math.ceil(self.columns / self.room)
        width = across * (self.left + self.strip + GAP) - GAP
        return width, self.head + down * (self.stack + GAP) - GAP

    def place(self, i: int) -> tuple[int, int]:
        """Left and top of a clip's frames, with the border around them."""
        row, column = divmod(i, self.columns)
        band, across = divmod(column, self.room)
        left = self.left + across * (self.left + self.strip + GAP)
        return left, self.head + band * (self.stack + GAP) + row * (self.height + self.border)

    @classmethod
    def of(cls, clips: np.ndarray, columns: int | None, border: int, left: int) -> Strips:
        """Strips for clips (n, T, H, W, C)."""
        count, length, height, width, _ = clips.shape
        factor = max(1, SMALLEST // height)
        height, width = factor * height, factor * width
        most = min(MOST_FRAMES, max(4, WIDEST // (width + border)))
        frames = range(0, length, math.ceil(length / most))
        strip = left + len(frames) * (width + border) + border
        room = max(1, (ACROSS + GAP) // (strip + GAP))
        if columns is None:
            columns = min(room, max(1, math.ceil(count * (height + border) / HIGHEST)))
        head = HEAD if len(frames) < length else 0
        return cls(count, frames, height, width, columns, room, border, left, head)


def contact_sheet(
    clips: np.ndarray, captions: Sequence[str] = (), columns: int | None = None, border: int = 1
) -> Image.Image:
    """Clips down, frames across; small frames are enlarged by a whole factor.

    Of a clip that has more frames than there is room for, every second one is shown, or every third, …; their
    numbers, from 1, stand above.

    Args:
        clips: uint8 (n, T, H, W, C).
        captions: what stands on the left of each; () for nothing.
        columns: clips side by side, each a column of its own; those that have no room stand below the
            others, so that what belongs together stays together.  None: one, and more where many clips would
            make it too high.
        border: grey pixels between frames.
    """
    channels = clips.shape[-1]
    font = letters(LETTERS)
    pen = ImageDraw.Draw(Image.new("L", (1, 1)))
    said = [fitted(pen, caption, font, CAPTION) for caption in captions]
    left = math.ceil(max(pen.textlength(text, font) for text in said)) + GAP if any(said) else 0
    strips = Strips.of(clips, columns, border, left)
    canvas = np.full((*strips.size[::-1], channels), PAPER, np.uint8)
    for i, clip in enumerate(clips):
        across, down = strips.place(i)
        canvas[down : down + strips.height + 2 * border, across : across + strips.strip] = LINE
        for frame in clip[strips.frames.start : strips.frames.stop : strips.frames.step]:
            across += border
            enlarged = frame.repeat(strips.height // frame.shape[0], 0).repeat(
                strips.width // frame.shape[1], 1
            )
            canvas[down + border :][: strips.height, across : across + strips.width] = enlarged
            across += strips.width
    sheet = picture(canvas)
    draw = ImageDraw.Draw(sheet)
    ink, soft = (INK, SOFT) if channels == 3 else (INK[1], SOFT[1])
    for i, text in enumerate(said):
        across, down = strips.place(i)
        draw.text((across - GAP // 2, down + strips.height // 2 + border), text, ink, font, "rm")
    for i in range(min(strips.columns, strips.room) if strips.head else 0):
        across, down = strips.place(i)
        for k, frame_number in enumerate(strips.frames):
            middle = across + border + k * (strips.width + border) + strips.width // 2
            draw.text((middle, down - HEAD // 2), f"{frame_number + 1}", soft, font, "mm")
    return sheet
