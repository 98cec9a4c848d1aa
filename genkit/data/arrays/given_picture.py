"""A picture that a person names, as a model's data has its images: of their size, channels and levels.

It is read by the reader of all pictures.  What it loses on the way is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genkit.core.knobs import DataKnobs
from genkit.core.spec import ArraySpec
from genkit.data.arrays.folders import FilePictures
from genkit.data.arrays.images import squared
from genkit.data.arrays.pictures import ALPHA, FITS, GREY, Form, deep_ranges, to_array
from genkit.data.arrays.surveys import Look, attempts, look
from genkit.data.arrays.treatments import Levels
from genkit.data.dataset_knobs import PictureKnobs
from genkit.data.packing import printable
from genkit.system.errors import DataError
from genkit.system.paths import sought
from genkit.system.plain import open_file


@dataclass(frozen=True)
class GivenPicture:
    """One picture as a model's data would have it.

    Attributes:
        levels: uint8 (1, C, H, W), as `spec.levels` counts them.
        notices: what was made of it, a line each.
    """

    levels: np.ndarray
    notices: list[str]

    @classmethod
    def read(
        cls,
        path: str | Path,
        spec: ArraySpec,
        data: DataKnobs,
        fit: str | None = None,
        frame: Callable[[], tuple[int, int] | None] = lambda: None,
        word: str = "image",
    ) -> GivenPicture:
        """Read a file.

        Args:
            spec: of the images that the model knows.
            data: the group `data` of its run: what becomes of pictures of other kinds.
            fit: how a picture of another shape is brought to that of the images: "crop", "pad" or "stretch";
                None: as the data says.
            frame: called for a picture of another size: height and width of the images without the frame of
                level 0 that the data has put around them; None where it has none.
            word: that named the file, for messages.

        Raises:
            DataError: there is no such file, it is no picture that can be read, or has another shape and
                nobody says what becomes of that.
        """
        source = _source(path, word)
        seen = look(source)
        if seen.refused:
            raise DataError(f"{word}={path} is no picture that can be read: {seen.refused[source.names[0]]}.")
        width, height = seen.sizes[0].tolist()
        inner = None if (height, width) == (spec.height, spec.width) else frame()
        form = _form(seen, spec, data, fit or getattr(data, "fit", None), inner, f"{word}={path}")
        [picture] = attempts(lambda row: _opened(source, row, form), [0])
        if isinstance(picture, str):
            reason = picture.removesuffix("; set data.range")  # the run's data has said what it says
            raise DataError(f"{word}={path} is no picture that can be read: {reason}.")
        pixels, said = picture[None], _remarks(seen, form)
        if inner is not None:
            pixels = squared(pixels, spec.height, 256)
            said.append(
                f"a black frame brings it to {spec.width}×{spec.height}, as the data's images have one"
            )
        binarize = getattr(data, "binarize", "threshold") if spec.levels == 2 else "threshold"
        made = Levels(256, spec.levels, binarize).apply(pixels, np.arange(1), 0, 0, trains=False)
        if not np.array_equal(np.round(made * (255 / (spec.levels - 1))), pixels):
            said.append(f"its values become {spec.levels} levels, as many as the data has")
        return cls(np.array(made), [f"{word}={printable(source.names[0])}: {line}." for line in said])


def read_painted(path: str | Path, height: int, width: int) -> np.ndarray:
    """Where a picture of this very size is white, or nearly so, bool (height, width).

    Raises:
        DataError: it is no picture that can be read, has another size, or is white nowhere.
    """
    source = _source(path, "mask")
    seen = look(source)
    if seen.refused:
        raise DataError(f"mask={path} is no picture that can be read: {seen.refused[source.names[0]]}.")
    across, down = seen.sizes[0].tolist()
    if (down, across) != (height, width):
        raise DataError(f"mask={path} is {across}×{down}, and what it hides a part of is {width}×{height}.")
    [pixels] = attempts(lambda row: _opened(source, row, Form(1, height, width, "stretch", 0, {})), [0])
    if isinstance(pixels, str):
        raise DataError(f"mask={path} is no picture that can be read: {pixels}.")
    white: np.ndarray = pixels[0] > 127
    if not white.any():
        raise DataError(f"mask={path} is white nowhere, and white is what is hidden.")
    return white


def _source(path: str | Path, word: str) -> FilePictures:
    """One file as a source of pictures.

    Raises:
        DataError: it is no plain file.
    """
    file = Path(path).expanduser()
    try:
        open_file(file, follow=True).close()
    except OSError as error:
        raise DataError(
            f"{word}={path} cannot be read: {error.strerror}; give a file of a picture.{sought(file)}"
        ) from None
    return FilePictures(file.parent, [file.name], "")


def _opened(source: FilePictures, row: int, form: Form) -> np.ndarray:
    with source.opener([row])(row) as image:
        return to_array(image, form)


def _form(
    seen: Look,
    spec: ArraySpec,
    data: DataKnobs,
    fit: str | None,
    inner: tuple[int, int] | None,
    path: str,
) -> Form:
    """What the picture becomes, before a frame is put around it.

    Raises:
        DataError: it has another shape, and nobody says how it is brought to this one.
    """
    height, width = inner or (spec.height, spec.width)
    own = seen.sizes[0].tolist()
    if fit is None and own[0] * height != own[1] * width:
        raise DataError(
            f"{path} is {own[0]}×{own[1]} and becomes {width}×{height}: say how with fit="
            f"{', '.join(FITS[:-1])} or {FITS[-1]}."
        )
    pictures = data if isinstance(data, PictureKnobs) else PictureKnobs()  # of arrays, the range is of others
    ranges = deep_ranges(seen.deep, pictures.range if seen.deep else None)
    return Form(spec.channels, height, width, fit or "stretch", pictures.background, ranges)


def _remarks(seen: Look, form: Form) -> list[str]:
    """What is made of the picture, before levels and frame."""
    [mode], (width, height) = seen.modes, seen.sizes[0].tolist()
    said = []
    if seen.moving.any():
        said.append("it is an animation or has several pages: the first picture is taken")
    if mode in ALPHA:
        said.append(f"its transparency is laid on grey level {form.background}")
    for kind, (black, white) in form.ranges.items():
        said.append(f"its {kind} values are scaled: {black:g} is black, {white:g} white")
    if form.channels == 1 and mode not in GREY:
        said.append("its colour becomes grey, as the data has no colour")
    elif form.channels == 3 and mode in GREY:
        said.append("it is grey, and the data has colour")
    if (width, height) != (form.width, form.height):
        how = "enlarged" if width * height < form.width * form.height else "reduced"
        same = width * form.height == height * form.width
        said.append(
            f"{width}×{height} is {how} to {form.width}×{form.height}"
            + ("" if same else f" (fit={form.fit})")
        )
    return said
