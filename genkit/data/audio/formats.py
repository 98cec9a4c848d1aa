"""Files of sound by their suffix: WAV as it is, others through soundfile, the extra `audio`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from genkit.data.audio.recording import Recording, checked
from genkit.data.audio.wav import WavFile

WAV = (".wav", ".wave")
COMPRESSED = (".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff")
SUFFIXES = (*WAV, *COMPRESSED)
EXTRA = "pip install 'generator-kit[audio]'"


class SoundFile(Recording):
    """A file that libsndfile reads."""

    def __init__(self, path: str | Path) -> None:
        try:
            import soundfile
        except ImportError:
            raise ValueError(f"{Path(path).suffix.lower()} needs soundfile: {EXTRA}") from None
        try:
            self._file: Any = soundfile.SoundFile(str(path))
        except soundfile.SoundFileError as error:
            raise ValueError(" ".join(str(error).split(": ")[-1].split())[:100]) from None
        self.rate, self.channels, self.frames = (
            int(self._file.samplerate),
            int(self._file.channels),
            int(self._file.frames),
        )
        checked(self)

    def read(self, start: int, stop: int) -> np.ndarray:
        self._file.seek(start)
        samples = self._file.read(stop - start, dtype="float32", always_2d=True).T
        if samples.shape[1] != stop - start:
            raise ValueError(f"it is cut off: it ends at sample {start + samples.shape[1]:,}")
        if not np.isfinite(samples).all():
            raise ValueError("it holds NaN or infinite samples")
        return np.ascontiguousarray(samples)


def open_recording(path: str | Path) -> Recording:
    """A recording from a file.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is none that is read; the reason.
    """
    return WavFile(path) if Path(path).suffix.lower() in WAV else SoundFile(path)
