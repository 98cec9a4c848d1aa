"""Moving pictures: arrays over time, height and width, shown as a contact sheet, judged by features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genkit.core.contact_sheet import contact_sheet
from genkit.core.grid import png
from genkit.core.media.medium import Medium, Shown
from genkit.core.prediction_strip import prediction_strip
from genkit.system import storage

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.core.media.shown_rows import ShownRows


@dataclass(frozen=True)
class VideoMedium(Medium):
    """Clips of grey or colour frames; tokens stand frame by frame, in a frame row by row."""

    name: str = "video"
    one: str = "a video"
    many: str = "videos"
    axes: tuple[str, ...] = ("time", "height", "width")
    channels: tuple[int, ...] = (1, 3)
    sized_by: str = "data.size and data.frames"
    parts: tuple[str, ...] = (
        *("end", "start", "middle", "lower", "upper", "left", "right", "box"),
        *("alternate", "random"),
    )
    rest: str = "end"
    offers: frozenset[str] = frozenset({"arrays", "features", "probabilities", "clips"})
    groups: tuple[str, ...] = ("likelihood", "prediction", "images", "memorisation", "cost")
    distances: str = "genkit.metrics.frames:DISTANCES"
    drawn: int = 500
    kept: int = 16

    def sheet(self, shown: Shown, columns: int | None = None, border: int = 1) -> Image:
        """The frames of each clip in a row, one clip below another."""
        return contact_sheet(shown.arrays, border)

    def save_rows(self, rows: ShownRows, path: Path) -> None:
        """`.png`: a strip of frames, with a line where what was given ends."""
        if path.suffix.lower() == ".png":
            listed = rows.listed
            strip = prediction_strip(listed.arrays, listed.captions, rows.together, rows.unknown)
            storage.make_folder(path.parent)
            storage.write_bytes(path, png(strip))
        else:
            super().save_rows(rows, path)

    def compared(self, arrays: np.ndarray, unknown: np.ndarray | None) -> np.ndarray:
        """The frames of which something was left open."""
        return arrays if unknown is None else arrays[:, :, unknown.any((1, 2))]


VIDEO = VideoMedium()
