"""Sounds: arrays over time, heard as clips of 16 bits, shown as spectrograms, judged by features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from genkit.core.media.medium import Medium, Shown

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class AudioMedium(Medium):
    """Clips of one or two channels at a rate; what a model reads of them is a representation, or they are
    their own."""

    name: str = "audio"
    one: str = "a sound"
    many: str = "sounds"
    axes: tuple[str, ...] = ("time",)
    channels: tuple[int, ...] = (1, 2)
    depth: int = 16
    representations: tuple[str, ...] = ("log_mel", "mu_law")
    parts: tuple[str, ...] = ("end", "start", "middle", "random")
    rest: str = "end"

    def sheet(self, shown: Shown, columns: int | None = None, border: int = 1) -> Image | None:
        return None


AUDIO = AudioMedium()
