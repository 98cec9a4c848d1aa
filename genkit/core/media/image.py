"""Images: arrays over height and width, shown as one grid, saved as PNG, judged by features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genkit.core.grid import grid, picture, png
from genkit.core.media.medium import Medium, Shown, write_npz

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.core.spec import ArraySpec

SMALL = 56  # pixels a side: twice those that the bundled network of digits sees


@dataclass(frozen=True)
class ImageMedium(Medium):
    """Images of one or three channels; tokens stand row by row, in a row from left to right."""

    name: str = "image"
    one: str = "an image"
    many: str = "images"
    axes: tuple[str, ...] = ("height", "width")
    parts: tuple[str, ...] = ("lower", "upper", "left", "right", "box")
    rest: str = "lower"
    offers: frozenset[str] = frozenset({"arrays", "features", "probabilities"})
    groups: tuple[str, ...] = ("likelihood", "images", "memorisation", "cost")

    def sheet(self, shown: Shown, columns: int | None = None, border: int = 1) -> Image:
        """One grid; small images are enlarged by a whole factor."""
        return grid(pixels(shown.arrays), columns, border)

    def single(self, shown: Shown) -> Image:
        return picture(pixels(shown.arrays)[0])

    def write(self, shown: Shown, path: Path) -> None:
        """`.png`: one grid; `.npz`: uint8 (n, H, W, C) and the provenance."""
        if path.suffix.lower() == ".npz":
            write_npz(path, {"images": pixels(shown.arrays)}, shown.about)
        else:
            super().write(shown, path)

    def write_each(self, shown: Shown, folder: Path) -> None:
        for i, own in enumerate(pixels(shown.arrays)):
            (folder / f"{i:05d}.png").write_bytes(png(picture(own)))

    def extractor(self, array: ArraySpec) -> str:
        """The bundled network for small grey images, else the untrained one."""
        return "digits" if array.channels == 1 and max(array.sizes) <= SMALL else "random"

    def hidden(self, part: str, sizes: Sequence[int]) -> np.ndarray:
        """A half of the image, or the box in its middle."""
        height, width = sizes
        y, x = np.indices((height, width))
        inner = (height // 4 <= y) & (y < height - height // 4)
        parts: dict[str, np.ndarray] = {
            "lower": y >= height // 2,
            "upper": y < height // 2,
            "left": x < width // 2,
            "right": x >= width // 2,
            "box": inner & (width // 4 <= x) & (x < width - width // 4),
        }
        if part not in parts:
            raise self.no_part(part)
        return parts[part]


def pixels(arrays: np.ndarray) -> np.ndarray:
    """Arrays (n, C, H, W) as pictures hold them, (n, H, W, C)."""
    return np.moveaxis(arrays, 1, -1)


IMAGE = ImageMedium()
