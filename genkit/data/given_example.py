"""An example of the user's own, as a model's data has its examples, by the reader that its medium has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genkit.core.knobs import DataKnobs
from genkit.core.media.medium import Shown
from genkit.core.media.video import VIDEO
from genkit.core.spec import ArraySpec
from genkit.data.arrays.given_picture import GivenPicture
from genkit.data.arrays.levels import levels_of
from genkit.data.clip_knobs import ClipKnobs
from genkit.system.errors import ConfigError


@dataclass(frozen=True)
class GivenExample:
    """One example as a model's data would have it.

    Attributes:
        array: what the model reads.
        levels: (1, *array.shape), as `array.levels` counts them.
        native: the same as its medium shows it.
        notices: what was made of it, a line each.
    """

    array: ArraySpec
    levels: np.ndarray
    native: np.ndarray
    notices: list[str]

    def shown(self, caption: str) -> Shown:
        return Shown(arrays=self.native, array=self.array.native, captions=[caption])


def read_given_example(
    word: str,
    path: Path,
    array: ArraySpec,
    data: DataKnobs,
    fit: str | None,
    frame: Callable[[], tuple[int, int] | None],
) -> GivenExample:
    """Read a file.

    Args:
        word: that names it: "in", or "image" for a picture.
        array: what the model reads.
        data: the group `data` of its run.
        fit, frame: see `GivenPicture.read`; `fit` is of videos, too.

    Raises:
        ConfigError: nothing of this medium is read from a file.
        DataError: it cannot be read, or fitted.
    """
    native = array.native
    if isinstance(data, ClipKnobs):
        if fit is not None:
            raise ConfigError(
                "fit= is of pictures, and recordings are cut or end in silence; leave fit= out."
            )
        from genkit.data.audio.given_clip import GivenClip

        clip = GivenClip.read(path, native, data, word)
        if array.representation is not None:
            levels = array.representation.forward(clip.waveform)
        else:
            levels = levels_of(clip.waveform)
        return GivenExample(array, levels, clip.waveform, clip.notices)
    if native.medium == VIDEO:
        from genkit.data.video.given_video import GivenVideo

        video = GivenVideo.read(path, array, data, fit, word)
        return GivenExample(array, video.levels, array.shown(video.levels).arrays, video.notices)
    if len(native.sizes) == 2:
        picture = GivenPicture.read(path, array, data, fit, frame, word)
        return GivenExample(array, picture.levels, array.shown(picture.levels).arrays, picture.notices)
    raise ConfigError(f"{word}= is a file, and no {array.medium.many} are read from one; leave it out.")
