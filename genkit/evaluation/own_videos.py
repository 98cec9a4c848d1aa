"""Videos of the user's own in the place of a part of a run's data: what its samples are judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from genkit.core.spec import ArraySpec
from genkit.data.packing import printable
from genkit.data.video.film import SAME_RATE
from genkit.evaluation.judging import judged_by
from genkit.evaluation.subject import Found
from genkit.evaluation.video_folders import form_of_videos, rate_of_folders, seen_videos, watched_folder
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Seen
from genkit.metrics.extractors import Extractor
from genkit.runs.rows import OWN
from genkit.system.errors import DataError
from genkit.system.terminal import without_controls


class OwnVideos:
    """A folder of videos that have the frames, their size and the rate of the samples.

    Args:
        say: told what is not used.

    Attributes:
        name: of the folder, as rows call it.

    Raises:
        DataError: it is missing or empty, a video cannot be read, or they are of another form, or of colour
            where the samples are grey.
    """

    def __init__(self, path: str | Path, spec: ArraySpec, say: Callable[[str], None]) -> None:
        self.name = f"{OWN}{without_controls(printable(Path(path).expanduser().resolve().name))}"
        self._spec, self._say = spec, say
        folder = watched_folder("real", path)
        rate = rate_of_folders([folder])
        if rate and spec.rate and max(rate, spec.rate) > min(rate, spec.rate) * (1 + SAME_RATE):
            raise DataError(
                f"real={path} has {rate:.3g} frames a second, and the run draws {spec.rate:.3g}: bring them"
                " to that rate first."
            )
        self._folder = folder.at(rate or spec.rate)
        form = form_of_videos([self._folder])
        own = f"{form.frames} frames of {form.picture.width}×{form.picture.height}"
        drawn = f"{spec.sizes[0]} of {spec.sizes[2]}×{spec.sizes[1]}"
        if form.shape[1:] != spec.sizes:
            raise DataError(
                f"real={path} has videos of {own}, and the run draws {drawn}: bring them to that form first."
            )
        if form.picture.channels > spec.channels:
            raise DataError(f"real={path} has videos of colour, and the run draws grey ones: make all grey.")
        self._grey = form.picture.channels < spec.channels
        self._form = replace(form, picture=replace(form.picture, channels=spec.channels))

    def seen(self, extractor: Extractor | None) -> Seen:
        """All videos, in the order of their names."""
        said = [*self._folder.said(), *(["real= is grey, and the run draws colour"] if self._grey else [])]
        for line in said:
            self._say(f"{line}.")
        return seen_videos(self._folder, self._form, extractor)

    def judge(self, real: Seen, made: Seen, extractor: Extractor | None, metrics: Sequence[Metric]) -> Found:
        """Samples against these videos, by these metrics."""
        return judged_by(real, made, extractor, self._spec, self._folder.videos.label, metrics)
