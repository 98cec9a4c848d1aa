"""Files of sound by their suffix: WAV as it is, others through soundfile, the extra `audio`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from genkit.data.audio.recording import Recording, checked
from genkit.data.audio.wav import WavFile
from genkit.system.plain import open_file

WAV = (".wav", ".wave")
COMPRESSED = (".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
SUFFIXES = (*WAV, *COMPRESSED)
EXTRA = "pip install 'generator-kit[audio]'"


class SoundFile(Recording):
    """A file that libsndfile reads.

    Raises:
        OSError, ValueError: it cannot be read, or soundfile is not installed; the reason.
    """

    def __init__(self, path: str | Path) -> None:
        suffix = Path(path).suffix.lower()
        try:
            import soundfile
        except ImportError:
            raise ValueError(f"{suffix} needs soundfile: {EXTRA}") from None
        open_file(Path(path), follow=True).close()  # (it is better said by the system than by libsndfile)
        self._kind = suffix[1:].upper()
        with self._refusals():
            self._file: Any = soundfile.SoundFile(os.fsencode(path))
        self.rate, self.channels = int(self._file.samplerate), int(self._file.channels)
        self.frames = int(self._file.frames)
        checked(self)

    def read(self, start: int, stop: int) -> np.ndarray:
        with self._refusals():
            if self._file.tell() != start:
                self._file.seek(start)
            samples = self._file.read(stop - start, dtype="float32", always_2d=True).T
        if samples.shape[1] != stop - start:
            raise ValueError(f"it is cut off: it ends at sample {start + samples.shape[1]:,}")
        if not np.isfinite(samples).all():
            raise ValueError("it holds NaN or infinite samples")
        return np.ascontiguousarray(samples)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Within it what libsndfile refuses becomes a reason, and its decoder of MP3 says nothing."""
        import soundfile

        try:
            with _silenced() if self._kind == "MP3" else nullcontext():
                yield
        except soundfile.SoundFileError as error:
            said = " ".join(str(error).split(": ")[-1].split()).rstrip(".")[:100]
            why = "" if said.startswith("File does not exist") else f" ({said})"  # of what is no MP3
            raise ValueError(f"it is no {self._kind} file, or a damaged one{why}") from None


@contextmanager
def _silenced() -> Iterator[None]:
    """Within it nothing that is written to the standard error gets out: mpg123 writes there itself."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def open_recording(path: str | Path) -> Recording:
    """A recording from a file.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is none that is read; the reason.
    """
    return WavFile(path) if Path(path).suffix.lower() in WAV else SoundFile(path)
