"""Moving pictures: arrays over time, height and width, shown as a moving grid and a contact sheet, judged
by features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genkit.core.animation import MOVING, Animation, moving_file, moving_picture
from genkit.core.contact_sheet import contact_sheet
from genkit.core.grid import moving_grid, png
from genkit.core.media.medium import BoardVideos, Medium, Shown, write_npz
from genkit.core.prediction_strip import prediction_strip
from genkit.system import films, storage
from genkit.system.progress import each

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.core.array_spec import ArraySpec
    from genkit.core.media.shown_rows import ShownRows

UNSAID = 8.0  # frames a second, where nobody says how many
MOST_LETTERS = 4_000_000  # of one page, which a browser and a notebook's file have to hold
ON_BOARD = 16  # videos of one step that boards keep
SMALL = 64  # pixels a side: that of Moving MNIST


@dataclass(frozen=True)
class VideoMedium(Medium):
    """Clips of grey or colour frames; tokens stand frame by frame, in a frame row by row."""

    name: str = "video"
    one: str = "a video"
    many: str = "videos"
    filed: str = "video"
    axes: tuple[str, ...] = ("time", "height", "width")
    channels: tuple[int, ...] = (1, 3)
    sized_by: str = "data.size and data.frames"
    suffixes: tuple[str, ...] = (*MOVING, ".png", ".npz")
    laid_out: tuple[str, ...] = (*MOVING, ".png")
    kept_as: tuple[str, ...] = (".gif", ".png")
    parts: tuple[str, ...] = (
        *("end", "start", "middle", "lower", "upper", "left", "right", "box"),
        *("alternate", "random"),
    )
    rest: str = "end"
    offers: frozenset[str] = frozenset({"arrays", "features", "probabilities", "clips"})
    groups: tuple[str, ...] = (
        "likelihood",
        "prediction",
        "images",
        "classes",
        "frames",
        "process",
        "memorisation",
        "cost",
    )
    distances: str = "genkit.metrics.frames:DISTANCES"
    drawn: int = 500
    kept: int = 16
    prompted_task: str = "text-to-video"

    def sized_along(self, axis: int) -> str:
        return "data.size" if axis else "data.frames"

    def sheet(self, shown: Shown, columns: int | None = None, border: int = 1) -> Image:
        """A contact sheet: the frames of each video in a row, one video below another."""
        return contact_sheet(frames(shown), shown.captions, columns, border)

    def single(self, shown: Shown) -> Animation:
        return next(animations(shown))

    def html(self, shown: Shown) -> str:
        """All in one grid that moves, or as many as a page should hold; how many are left out is said."""
        count = len(shown)
        while len(page := moving_picture(moving(shown[:count]))) > MOST_LETTERS and count > 1:
            count = max(1, min(count - 1, count * MOST_LETTERS // len(page)))
        left = len(shown) - count
        rest = f"<p>{left:,} more are not shown: take a part, as in samples[{count}:], or save them.</p>"
        return page + (rest if left else "")

    def board(self, shown: Shown) -> BoardVideos:
        return BoardVideos(moving(shown[:ON_BOARD]), self._drawn(shown[:ON_BOARD]))

    def check_suffix(self, out: str | Path) -> str:
        suffix = super().check_suffix(out)
        films.check_writer(suffix)
        return suffix

    def write(self, shown: Shown, path: Path) -> None:
        """`.gif`, `.webp`, `.mp4`, `.webm`: the frames of one video, a moving grid of several; `.png`: the
        contact sheet; `.npz`: uint8 (n, T, H, W, C), rate, captions and the provenance."""
        suffix = path.suffix.lower()
        if suffix in MOVING:
            about = {**shown.about, "captions": list(shown.captions)}
            grid = moving_grid(frames(shown), shown.columns)
            storage.write_bytes(path, moving_file(suffix, grid, rate(shown), about))
        elif suffix == ".npz":
            about = {**shown.about, "rate": rate(shown), "captions": list(shown.captions)}
            write_npz(path, {"videos": frames(shown), "rate": np.array(rate(shown))}, about)
        else:
            super().write(shown, path)

    def write_each(self, shown: Shown, folder: Path) -> None:
        """A GIF each, or a WebP where that would lose colours."""
        for i, animation in enumerate(each("writing files", animations(shown), len(shown))):
            suffix, content = animation.exact
            (folder / f"{i:05d}{suffix}").write_bytes(content)

    def save_rows(self, rows: ShownRows, path: Path) -> None:
        """`.png`: a strip of frames, with a line where what was given ends; of what moves, what belongs
        together side by side."""
        listed, suffix = rows.listed, path.suffix.lower()
        if suffix == ".png":
            strip = prediction_strip(listed.arrays, listed.captions, rows.together, rows.unknown)
            storage.make_folder(path.parent)
            storage.write_bytes(path, png(strip))
        else:
            self.save(replace(listed, columns=rows.together if suffix in MOVING else None), path)

    def extractor(self, array: ArraySpec) -> str:
        """The bundled network of digits that move for small grey videos, else the untrained one."""
        return "moving_digits" if array.channels == 1 and max(array.sizes[1:]) <= SMALL else "random_clip"

    def compared(self, arrays: np.ndarray, unknown: np.ndarray | None) -> np.ndarray:
        """The frames of which something was left open."""
        return arrays if unknown is None else arrays[:, :, unknown.any((1, 2))]


def frames(shown: Shown) -> np.ndarray:
    """The videos frame by frame as pictures hold them, uint8 (n, T, H, W, C)."""
    return np.moveaxis(shown.arrays, 1, -1)


def animations(shown: Shown) -> Iterator[Animation]:
    """The videos one by one; of each it is said which it is, and of what."""
    captions = shown.captions or [""] * len(shown)
    for i, (own, caption) in enumerate(zip(frames(shown), captions, strict=True)):
        yield Animation(own, rate(shown), caption, {**shown.about, "sample": i, "of": caption})


def moving(shown: Shown) -> Animation:
    """All videos in one grid that moves, or the only one as it is."""
    whole = np.stack(list(moving_grid(frames(shown), shown.columns)))
    caption = shown.captions[0] if len(shown) == 1 and shown.captions else ""
    return Animation(whole, rate(shown), caption, {**shown.about, "captions": list(shown.captions)})


def rate(shown: Shown) -> float:
    """Frames a second."""
    return UNSAID if shown.array is None or shown.array.rate is None else shown.array.rate


VIDEO = VideoMedium()
