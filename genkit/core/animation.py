"""One video that can be looked at: in a notebook it moves, and it is saved as a file.  Nothing here imports
torch."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from genkit.core.clip import program
from genkit.core.contact_sheet import contact_sheet
from genkit.core.grid import png
from genkit.system import films, storage
from genkit.system.animations import exact_as_gif, gif_file, webp_file
from genkit.system.errors import ConfigError
from genkit.system.terminal import without_controls

MOVING = (".gif", ".webp", *films.SUFFIXES)  # files that show frames one after another
SHOWN = 240  # pixels at least of what moves in a page, which enlarges what is smaller


@dataclass(frozen=True, repr=False)
class Animation:
    """One video, to look at.

    Attributes:
        frames: uint8 (T, H, W, C) with one or three channels.
        rate: frames a second.
        caption: what it is of; "": nobody says.
        about: where it comes from, as plain values.
    """

    frames: np.ndarray
    rate: float
    caption: str = ""
    about: Mapping[str, object] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return len(self.frames) / self.rate

    @property
    def gif(self) -> bytes:
        """As a GIF: exact where no frame has more than 256 colours."""
        return moving_file(".gif", self.frames, self.rate, self.about)

    @property
    def webp(self) -> bytes:
        """As a WebP, exact."""
        return moving_file(".webp", self.frames, self.rate, self.about)

    @property
    def exact(self) -> tuple[str, bytes]:
        """The suffix of the usual file that has the very frames, and what is in it: a GIF, or a WebP where
        that would lose colours."""
        return (".gif", self.gif) if exact_as_gif(self.frames) else (".webp", self.webp)

    @property
    def picture(self) -> Image.Image:
        """Its frames in a row."""
        return contact_sheet(self.frames[None], [self.caption])

    def save(self, out: str | Path) -> Path:
        """Write it and return the path: the very frames as `.gif` or `.webp`, enlarged as `.mp4` or `.webm`
        (which needs the extra `video`), in a row as `.png`.

        Raises:
            ConfigError: another suffix, or an extra that is not installed.
            StorageError: it cannot be written; what was there stays.
        """
        path = Path(out)
        kind = path.suffix.lower()
        if kind != ".png" and kind not in MOVING:
            listed = ", ".join(MOVING)
            raise ConfigError(f"out={out}: a video is saved as {listed}, or as .png of its frames.")
        content = (
            png(self.picture) if kind == ".png" else moving_file(kind, self.frames, self.rate, self.about)
        )
        storage.make_folder(path.parent)
        storage.write_bytes(path, content)
        return path

    def __repr__(self) -> str:
        length, height, width, channels = self.frames.shape
        of = f" of {self.caption}" if self.caption else ""
        return (
            f"Animation({length} frames{of}, {self.seconds:.3g} s at {self.rate:g} a second,"
            f" {channels}×{height}×{width})"
        )

    def _repr_html_(self) -> str:
        """In a notebook."""
        return moving_picture(self)


def moving_file(suffix: str, frames: Iterable[np.ndarray], rate: float, about: Mapping[str, object]) -> bytes:
    """Frames, uint8 (H, W, C), as a file of one of the suffixes of `MOVING` holds them.

    Raises:
        ConfigError: they are too large for such a file, or the extra that writes it is not installed.
    """
    if suffix == ".gif":
        return gif_file(frames, rate, program(), about)
    if suffix == ".webp":
        return webp_file(frames, rate, program(), about)
    return films.film(suffix, frames, rate, program(), about)


def moving_picture(animation: Animation) -> str:
    """A video as HTML that needs nothing else: the very pixels, small ones enlarged."""
    suffix, content = animation.exact
    height, width = animation.frames.shape[1:3]
    factor = max(1, SHOWN // max(height, width))
    caption = html.escape(without_controls(animation.caption, ""))
    said = f"<figcaption>{caption}</figcaption>" if caption else ""
    return (
        '<figure style="display:inline-block;margin:0 10px 12px 0;text-align:center">'
        f'<img alt="{len(animation.frames)} frames" width="{factor * width}" height="{factor * height}"'
        ' style="image-rendering:pixelated"'
        f' src="data:image/{suffix[1:]};base64,{base64.b64encode(content).decode()}">{said}</figure>'
    )
