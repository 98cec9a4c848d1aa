"""Films by what they are called: a file of a kind that is known, or a folder of frames."""

from __future__ import annotations

from pathlib import Path

from genkit.data.video.animated_pictures import ANIMATED, AnimatedPicture
from genkit.data.video.compressed import COMPRESSED_VIDEO, CompressedFilm
from genkit.data.video.film import Film
from genkit.data.video.frame_folders import FrameFolder

FILMS = (*ANIMATED, *COMPRESSED_VIDEO)  # suffixes


def open_film(path: str | Path) -> Film:
    """A film from a file or a folder.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is none that is read; the reason.
    """
    if Path(path).is_dir():
        return FrameFolder.of(path)
    return (CompressedFilm if Path(path).suffix.lower() in COMPRESSED_VIDEO else AnimatedPicture)(path)
