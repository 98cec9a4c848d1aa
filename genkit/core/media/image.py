"""Images: arrays over height and width, shown as one grid, saved as PNG, judged by features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genkit.core.grid import grid, picture, png
from genkit.core.media.medium import Medium, Shown, write_npz
from genkit.system.progress import each

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.core.spec import ArraySpec

GREY_SMALL = 56  # pixels a side: twice those that the bundled network of digits sees
COLOUR_SMALL = 128  # four times those that the bundled network of photographs sees


@dataclass(frozen=True)
class ImageMedium(Medium):
    """Images of one or three channels; tokens stand row by row, in a row from left to right."""

    name: str = "image"
    one: str = "an image"
    many: str = "images"
    filed: str = "picture"
    axes: tuple[str, ...] = ("height", "width")
    channels: tuple[int, ...] = (1, 3)
    pictorial: bool = True
    sized_by: str = "data.size"
    parts: tuple[str, ...] = ("lower", "upper", "left", "right", "box", "random")
    rest: str = "lower"
    offers: frozenset[str] = frozenset({"arrays", "features", "probabilities"})
    groups: tuple[str, ...] = ("likelihood", "images", "memorisation", "restyling", "cost")
    task: str = "unconditional-image-generation"
    prompted_task: str = "text-to-image"

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
        for i, own in enumerate(each("writing files", pixels(shown.arrays), len(shown))):
            (folder / f"{i:05d}.png").write_bytes(png(picture(own)))

    def extractor(self, array: ArraySpec) -> str:
        """The bundled network for small images, grey or in colour, else the untrained one."""
        name, most = ("digits", GREY_SMALL) if array.channels == 1 else ("photos", COLOUR_SMALL)
        return name if max(array.sizes) <= most else "random"


def pixels(arrays: np.ndarray) -> np.ndarray:
    """Arrays (n, C, H, W) as pictures hold them, (n, H, W, C)."""
    return np.moveaxis(arrays, 1, -1)


IMAGE = ImageMedium()
