"""Moving pictures: arrays over time, height and width, shown as a contact sheet, judged by features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from genkit.core.contact_sheet import contact_sheet
from genkit.core.media.medium import Medium, Shown

if TYPE_CHECKING:
    from PIL.Image import Image


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
        *("end", "start", "middle", "lower", "upper", "left", "right", "box", "random"),
    )
    rest: str = "end"
    offers: frozenset[str] = frozenset({"arrays", "features", "probabilities"})
    groups: tuple[str, ...] = ("likelihood", "images", "memorisation", "cost")
    drawn: int = 500
    kept: int = 16

    def sheet(self, shown: Shown, columns: int | None = None, border: int = 1) -> Image:
        """The frames of each clip in a row, one clip below another."""
        return contact_sheet(shown.arrays, border)


VIDEO = VideoMedium()
