"""Points in the plane: all of them are one scatter."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from genkit.core.media.medium import Medium, Shown

SIDE = 64  # pixels of the plane


@dataclass(frozen=True)
class Points(Medium):
    """A point is an array of two channels, its place across and its place up, along an axis of one."""

    name: str = "points"
    one: str = "a point"
    many: str = "points"
    axes: tuple[str, ...] = ("point",)

    def sheet(self, shown: Shown, columns: int | None = None, border: int = 1) -> Image.Image:
        plane = np.full((SIDE, SIDE), 255, np.uint8)
        across, up = (shown.arrays[:, axis, 0].astype(int) * SIDE // 256 for axis in (0, 1))
        plane[SIDE - 1 - up, across] = 0
        return Image.fromarray(plane)


POINTS = Points()
