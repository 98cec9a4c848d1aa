"""Points in the plane: all of them are one scatter.

It shows what a medium is: words, axes, and how examples are drawn.  Saving as .png and .npz, logging, samples
in reports and notebooks, sampling and evaluation follow from these; .csv is its own.
"""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from genkit.core.media.medium import Medium, Shown
from genkit.system import storage

SIDE, RADIUS = 256, 3  # of the plane and of a dot, in pixels
INK = (31, 78, 121, 110)  # red, green, blue, and how much of what lies below they cover


@dataclass(frozen=True)
class Points(Medium):
    """A point is an array of two channels, its place across and its place up, along an axis of one."""

    name: str = "points"
    one: str = "a point"
    many: str = "points"
    axes: tuple[str, ...] = ("point",)
    channels: tuple[int, ...] = (2,)
    suffixes: tuple[str, ...] = (".png", ".csv", ".npz")
    kept: int = 1_000

    def sheet(self, shown: Shown, columns: int | None = None, border: int = 1) -> Image.Image:
        """One plane, in a frame; where dots lie over one another it is darker."""
        plane = Image.new("RGB", (SIDE + 2 * RADIUS, SIDE + 2 * RADIUS), "white")
        pen = ImageDraw.Draw(plane, "RGBA")
        for across, up in shown.arrays[:, :, 0].tolist():
            left, top = across, SIDE - 1 - up
            pen.ellipse((left, top, left + 2 * RADIUS, top + 2 * RADIUS), fill=INK)
        pen.rectangle((0, 0, plane.width - 1, plane.height - 1), outline="grey")
        return plane

    def write(self, shown: Shown, path: Path) -> None:
        """Also `.csv`: a line for each point, its two places from 0 to 1."""
        if path.suffix.lower() == ".csv":
            lines = [f"{across:.4f},{up:.4f}" for across, up in shown.arrays[:, :, 0] / 255]
            storage.write_text(path, "\n".join(["across,up", *lines]) + "\n")
        else:
            super().write(shown, path)


POINTS = Points()
