"""A video that a person names, as a model's data has its clips: of their frames, size, channels and levels.

It is read by the reader of all videos.  What it loses on the way is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genkit.core.knobs import DataKnobs
from genkit.core.spec import ArraySpec
from genkit.data.arrays.pictures import FITS, Form
from genkit.data.arrays.treatments import Levels
from genkit.data.packing import printable
from genkit.data.video.film import SAME_RATE, Film
from genkit.data.video.film_clips import DEEP, FilmForm, Watched
from genkit.data.video.film_formats import FILMS, open_film
from genkit.data.video_knobs import VideoFolderKnobs
from genkit.system import storage
from genkit.system.errors import DataError
from genkit.system.paths import sought
from genkit.system.plain import open_file


@dataclass(frozen=True)
class GivenVideo:
    """One video as a model's data would have it.

    Attributes:
        levels: uint8 (1, C, T, H, W), as `spec.levels` counts them.
        notices: what was made of it, a line each.
    """

    levels: np.ndarray
    notices: list[str]

    @classmethod
    def read(cls, path: Path, spec: ArraySpec, data: DataKnobs, fit: str | None, word: str) -> GivenVideo:
        """Read a file, or a folder of frames.

        Args:
            spec: of the clips that the model knows.
            data: the group `data` of its run: what becomes of videos of other kinds.
            fit: how frames of another shape are brought to that of the clips: "crop", "pad" or "stretch";
                None: as the data says.
            word: that named the file, for messages.

        Raises:
            DataError: there is no such file, it is no video that can be read, is too short, or has another
                shape and nobody says what becomes of that.
        """
        named = f"{word}={path}"
        film = _opened(path, named)
        try:
            watched = Watched.of(film).paced(spec.rate)
            form = _form(watched, spec, data, fit, named)
            frames = form.taken(watched.frames_at(form.rate))
            if frames < form.frames:
                have = "one frame" if frames == 1 else f"{frames:,} frames"
                every = f", every {form.stride} of them taken" if form.stride > 1 else ""
                raise DataError(
                    f"{named} has {have}{every}, and the model's videos {form.frames:,}; give a longer one."
                )
            pixels = next(form.clips(film, watched.pace))[None]
        except (OSError, ValueError) as error:
            raise DataError(f"{named} is no video that can be read: {storage.reason(error)}.") from None
        said = _remarks(watched, form, spec, frames)
        binarize = getattr(data, "binarize", "threshold") if spec.levels == 2 else "threshold"
        made = Levels(256, spec.levels, binarize).apply(pixels, np.arange(1), 0, 0, trains=False)
        if not np.array_equal(np.round(made * (255 / (spec.levels - 1))), pixels):
            said.append(f"its values become {spec.levels} levels, as many as the data has")
        return cls(np.array(made), [f"{word}={printable(path.name)}: {line}." for line in said])


def _opened(path: Path, named: str) -> Film:
    """
    Raises:
        DataError: there is no such file, or it is no video by its name or its beginning.
    """
    if not path.is_dir():
        try:
            open_file(path, follow=True).close()
        except OSError as error:
            raise DataError(
                f"{named} cannot be read: {error.strerror}; give a video.{sought(path)}"
            ) from None
        if path.suffix.lower() not in FILMS:
            known = " ".join(FILMS)
            raise DataError(f"{named} is no video by its name: known are {known}, and folders of frames.")
    try:
        return open_film(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{named} is no video that can be read: {storage.reason(error)}.") from None


def _form(watched: Watched, spec: ArraySpec, data: DataKnobs, fit: str | None, named: str) -> FilmForm:
    """What the data's own videos have become; data that is computed is black behind what it shows.

    Raises:
        DataError: it has another shape, and nobody says how it is brought to this one.
    """
    folder = data if isinstance(data, VideoFolderKnobs) else VideoFolderKnobs(name="", background=0)
    frames, height, width = spec.sizes
    fit = fit or folder.fit
    if fit is None and watched.width * height != watched.height * width:
        raise DataError(
            f"{named} is {watched.width}×{watched.height} and becomes {width}×{height}: say how with fit="
            f"{', '.join(FITS[:-1])} or {FITS[-1]}."
        )
    picture = Form(spec.channels, height, width, fit or "stretch", folder.background, DEEP)
    return FilmForm(frames, folder.stride, folder.rate, "crop", picture)


def _remarks(watched: Watched, form: FilmForm, spec: ArraySpec, frames: int) -> list[str]:
    """What is made of the video, before levels."""
    said, picture = [], form.picture
    rate, native = watched.pace.rate, (spec.rate or 0) * form.stride
    if watched.frames_at(form.rate) != watched.frames and form.rate is not None:
        said.append(f"it is looked at {form.rate:g} times a second, as the data's are")
    elif not watched.pace.even:
        said.append(
            f"its frames are seen for various times: it is looked at {rate:.3g} times a second, evenly"
        )
    elif rate and native and abs(rate / native - 1) > SAME_RATE:
        said.append(f"it has {rate:.3g} frames a second and the data {native:.3g}: they are taken one by one")
    if form.stride > 1:
        said.append(f"every {form.stride} of its frames are taken, as of the data's")
    if frames > form.frames:
        said.append(f"of its {frames:,} frames the first {form.frames:,} are taken")
    if watched.transparent:
        said.append(f"its transparency is laid on grey level {picture.background}")
    if picture.channels == 1 and not watched.grey:
        said.append("its colour becomes grey, as the data has no colour")
    elif picture.channels == 3 and watched.grey:
        said.append("it is grey, and the data has colour")
    if (watched.width, watched.height) != (picture.width, picture.height):
        how = "enlarged" if watched.width < picture.width or watched.height < picture.height else "reduced"
        same = watched.width * picture.height == watched.height * picture.width
        size = f"{watched.width}×{watched.height} is {how} to {picture.width}×{picture.height}"
        said.append(size if same else f"{size} (fit={picture.fit})")
    if watched.still:
        said.append("it is still: all its frames are the same")
    return said
