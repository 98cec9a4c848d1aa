"""Moving pictures as MP4 and as WebM, which lose a little, through PyAV, the extra `video`."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Iterable, Mapping
from fractions import Fraction

import numpy as np

from genkit.system.errors import ConfigError

SUFFIXES = (".mp4", ".webm")
EXTRA = "pip install 'generator-kit[video]'"
ENLARGED = 256  # pixels of the longer side that smaller frames are brought to, or nearly, by a whole factor
FINEST = 1_001  # of the denominator of a rate, as that of NTSC


def check_writer(suffix: str) -> None:
    """See that such a file can be written.

    Raises:
        ConfigError: what writes it is not installed.
    """
    if suffix in SUFFIXES and importlib.util.find_spec("av") is None:
        raise ConfigError(f"{suffix} needs PyAV: {EXTRA}; .gif and .webp need nothing.")


def film(
    suffix: str, frames: Iterable[np.ndarray], rate: float, program: str, about: Mapping[str, object]
) -> bytes:
    """Frames one after another: as H.264 where the suffix is `.mp4`, as VP9 where it is `.webm`.

    Small frames are enlarged by a whole factor, and so are those with an odd side, which such files do not
    have.  Colours are stored at half the sides, and every value a little off.  The comment is JSON with
    `about`, `program` and `rate`.

    Args:
        suffix: one of `SUFFIXES`.
        frames: uint8 (H, W, C) with one or three channels.
        rate: frames a second.
        program: what has made it.
        about: where it comes from, as plain values.

    Raises:
        ConfigError: PyAV is not installed.
    """
    check_writer(suffix)
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format=suffix[1:]) as file:
        file.metadata["comment"] = json.dumps({**about, "program": program, "rate": rate})
        steady = Fraction(rate).limit_denominator(FINEST)
        if suffix == ".mp4":
            stream = file.add_stream("libx264", steady, {"crf": "14"})
        else:
            stream = file.add_stream("libvpx-vp9", steady, {"crf": "16", "b": "0"})
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(frames):
            whole = _enlarged(frame)
            if number == 0:
                stream.height, stream.width = whole.shape[:2]
            file.mux(stream.encode(av.VideoFrame.from_ndarray(whole, "rgb24")))
        file.mux(stream.encode())
    return buffer.getvalue()


def _enlarged(frame: np.ndarray) -> np.ndarray:
    """A frame (H, W, 1 or 3) in three channels, with even sides."""
    height, width, _ = frame.shape
    factor = max(1, ENLARGED // max(height, width))
    if factor % 2 and (height % 2 or width % 2):
        factor += 1
    large = frame.repeat(factor, 0).repeat(factor, 1)
    return np.ascontiguousarray(np.broadcast_to(large, (*large.shape[:2], 3)))
