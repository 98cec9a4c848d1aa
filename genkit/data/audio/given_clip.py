"""A recording that a person names, as a model's data has its clips: of their rate, length and level.

It is read by the reader of all recordings.  What it loses on the way is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genkit.core.knobs import DataKnobs
from genkit.core.media.audio import UNSAID
from genkit.core.spec import ArraySpec
from genkit.data.arrays.levels import signed
from genkit.data.audio.clips import CLIPPED, SILENT, ClipForm, Heard
from genkit.data.audio.formats import SUFFIXES, open_recording
from genkit.data.clip_knobs import AudioKnobs
from genkit.data.packing import printable
from genkit.system import storage
from genkit.system.errors import DataError
from genkit.system.paths import sought
from genkit.system.plain import open_file


@dataclass(frozen=True)
class GivenClip:
    """One recording as a model's data would have it.

    Attributes:
        waveform: int16 (1, C, T).
        notices: what was made of it, a line each.
    """

    waveform: np.ndarray
    notices: list[str]

    @classmethod
    def read(cls, path: Path, native: ArraySpec, data: DataKnobs, word: str) -> GivenClip:
        """Read a file.

        Args:
            native: the clips that the model knows.
            data: the group `data` of its run: what becomes of recordings of other kinds.
            word: that named the file, for messages.

        Raises:
            DataError: there is no such file, or it is no recording that can be read.
        """
        try:
            open_file(path, follow=True).close()
        except OSError as error:
            raise DataError(
                f"{word}={path} cannot be read: {error.strerror}; give a recording.{sought(path)}"
            ) from None
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{word}={path} is no recording by its name: known are {' '.join(SUFFIXES)}.")
        form = form_of_data(native, data)
        try:
            recording = open_recording(path)
            heard = Heard.of(recording)
            levels = next(form.clips(recording))
        except (OSError, ValueError) as error:
            why = storage.reason(error)
            raise DataError(f"{word}={path} is no recording that can be read: {why}.") from None
        notices = [f"{word}={printable(path.name)}: {line}." for line in _remarks(heard, form)]
        return cls(signed(levels[None]), notices)


def form_of_data(native: ArraySpec, data: DataKnobs) -> ClipForm:
    """What the data's own recordings have become; data that is computed has none, and no rule for levels."""
    recorded = data if isinstance(data, AudioKnobs) else AudioKnobs(name="", normalise="none")
    peak, trim = recorded.normalise == "peak", recorded.trim
    return ClipForm(round(native.rate or UNSAID), native.sizes[0], native.channels, "crop", peak, trim)


def _remarks(heard: Heard, form: ClipForm) -> list[str]:
    """What is made of the recording."""
    said, samples = [], heard.samples(form.rate)
    if heard.rate != form.rate:
        said.append(f"{heard.rate:,} samples a second become {form.rate:,}, as the data has them")
    if heard.channels > form.channels:
        mean = "one, their mean" if form.channels == 1 else "two, each the mean of all"
        said.append(f"its {heard.channels} channels become {mean}")
    elif heard.channels < form.channels:
        said.append("its one channel is heard on both sides, as the data has two")
    if form.trim is not None:
        said.append(f"its ends are cut where they are {form.trim:g} dB below its peak, as the data's are")
    if samples > form.length:
        said.append(f"of its {samples:,} samples the first {form.length:,} are taken")
    elif samples < form.length:
        said.append(f"it has {samples:,} samples, and silence up to {form.length:,}")
    if heard.peak < SILENT:
        said.append("it is silent")
    elif form.peak and abs(1 / heard.peak - 1) > 0.01:
        said.append(
            f"it becomes {1 / heard.peak:.3g} times as loud: its peak is full scale, as the data's are"
        )
    if heard.clipped > CLIPPED:
        said.append(f"{heard.clipped:.1%} of its samples are at full scale: it is clipped")
    return said
