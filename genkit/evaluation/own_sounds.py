"""Recordings of the user's own in the place of a part of a run's data: what its samples are judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from genkit.core.spec import ArraySpec
from genkit.data.arrays.levels import signed
from genkit.data.audio.clips import ClipForm
from genkit.data.audio.recording import Recording
from genkit.data.packing import printable
from genkit.evaluation.judging import judged_by
from genkit.evaluation.sound_folders import HeardForm, brought, heard_folder, seen_sounds
from genkit.evaluation.subject import Found
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Seen
from genkit.metrics.extractors import Extractor
from genkit.runs.rows import OWN
from genkit.system.errors import DataError
from genkit.system.terminal import without_controls


class OwnSounds:
    """A folder of recordings, brought to the rate, the length and the channels of the samples.

    Args:
        peak: whether each is brought to full scale, as the run's data were.
        say: told what is not used, and to what recordings are brought.

    Attributes:
        name: of the folder, as rows call it.

    Raises:
        DataError: it is missing or empty, a recording cannot be read, or nobody says at what rate the samples
            are.
    """

    def __init__(self, path: str | Path, spec: ArraySpec, peak: bool, say: Callable[[str], None]) -> None:
        self.name = f"{OWN}{without_controls(printable(Path(path).expanduser().resolve().name))}"
        if spec.rate is None:
            raise DataError(f"real={path}: the run's sounds have no rate to which to bring recordings.")
        self._spec, self._say = spec, say
        self._folder = heard_folder("real", path)
        self._form = HeardForm(round(spec.rate), spec.sizes[0], spec.channels)
        self._clip = ClipForm(self._form.rate, self._form.length, spec.channels, "crop", peak, None)

    def _levels(self, recording: Recording) -> np.ndarray:
        """As the run's data would have a recording, int16 (C, T)."""
        return signed(next(self._clip.clips(recording)))

    def seen(self, extractor: Extractor | None) -> Seen:
        """All recordings, in the order of their names."""
        for line in brought({"real": self._folder}, self._form):
            self._say(f"{line}.")
        return seen_sounds(self._folder, self._levels, self._form.shape, extractor)

    def judge(self, real: Seen, made: Seen, extractor: Extractor | None, metrics: Sequence[Metric]) -> Found:
        """Samples against these recordings, by these metrics."""
        return judged_by(real, made, extractor, self._spec, self._folder.recordings.label, metrics)
