"""A sound that is heard while it is drawn: a WAV on standard output, for a player behind a pipe."""

from __future__ import annotations

import io
import sys
import wave
from collections.abc import Iterable

import numpy as np

from genkit.core.media.audio import UNSAID
from genkit.core.spec import ArraySpec
from genkit.system.errors import ConfigError


def check_listener() -> None:
    """See that somebody hears what is written.

    Raises:
        ConfigError: it would be written to a terminal.
    """
    if sys.stdout.isatty():
        raise ConfigError(
            "stream=true writes a sound as WAV to standard output; send it on, as in | aplay or > sound.wav."
        )


def write_sound(array: ArraySpec, pieces: Iterable[np.ndarray]) -> None:
    """Write pieces of one sound, int16 (C, T) each, as they come; the header says how long it will be."""
    out, native = sys.stdout.buffer, array.native
    out.write(header(native.channels, native.rate or UNSAID, native.sizes[0]))
    for piece in pieces:
        out.write(np.ascontiguousarray(piece.T).astype("<i2").tobytes())
        out.flush()


def header(channels: int, rate: float, samples: int) -> bytes:
    """What stands before so many samples of 16 bits in a WAV file."""
    buffer = io.BytesIO()
    file = wave.open(buffer, "wb")  # noqa: SIM115 (what closes it would write that there are no samples)
    file.setparams((channels, 2, max(1, round(rate)), samples, "NONE", "not compressed"))
    file.writeframesraw(b"")
    return buffer.getvalue()
