"""MP4, WebM, AVI and MOV as films, through PyAV, the extra `video`.

PyAV gets a file that is open, and the kind that its name says: FFmpeg neither opens a path or an address
itself nor looks for a kind, of which some are lists of further files.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from genkit.data.video.film import MOST_PIXELS, Film, Shot
from genkit.system.films import EXTRA
from genkit.system.plain import open_file

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

DEMUXERS = {
    **dict.fromkeys((".mp4", ".m4v", ".mov"), "mov"),
    **dict.fromkeys((".webm", ".mkv"), "matroska"),
    ".avi": "avi",
}
COMPRESSED_VIDEO = tuple(DEMUXERS)
SPARE = 1.5  # frames by which the end of the last one may miss what the file says


class CompressedFilm(Film):
    """A file that FFmpeg reads, its first video stream.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is none that is read, or PyAV is not installed; the reason.
    """

    def __init__(self, path: str | Path) -> None:
        self._path, self._suffix = Path(path), Path(path).suffix.lower()
        open_file(self._path, follow=True).close()
        try:
            import av  # noqa: F401
        except ImportError:
            raise ValueError(f"{self._suffix} needs PyAV: {EXTRA}") from None
        with open_file(self._path, follow=True) as file, self._opened(file) as (_, stream):
            self.grain = float(stream.time_base or 0)

    def shots(self) -> Iterator[Shot]:
        import av

        shown, end = 0, 0.0
        with open_file(self._path, follow=True) as file, self._opened(file) as (container, stream):
            frames: Iterator[VideoFrame] = container.decode(stream)
            try:
                for frame, after in pairwise(chain(frames, [None])):
                    assert frame is not None
                    seconds = _seconds(frame, after) or (end / shown if shown else 0.0)
                    end = _time(frame) + seconds
                    shown += 1
                    yield Shot(_picture(frame), seconds)
            except av.error.FFmpegError:
                raise ValueError(f"it is damaged or cut off after frame {shown}") from None
            self._check_end(container, stream, shown, end)

    @contextmanager
    def _opened(self, file: io.BufferedReader) -> Iterator[tuple[InputContainer, VideoStream]]:
        import av

        kind = self._suffix[1:].upper()
        try:
            kind_of_file, nothing = DEMUXERS[self._suffix], {"protocol_whitelist": "none"}
            container = av.open(file, "r", format=kind_of_file, options=nothing)
        except av.error.FFmpegError:
            raise ValueError(f"it is no {kind} file, or a damaged one") from None
        with container:
            if not container.streams.video:
                raise ValueError("it holds no pictures")
            stream = container.streams.video[0]
            if stream.width * stream.height > MOST_PIXELS:
                raise ValueError(
                    f"it is {stream.width:,}×{stream.height:,}; a frame has up to {MOST_PIXELS:,} pixels"
                )
            yield container, stream

    def _check_end(self, container: InputContainer, stream: VideoStream, shown: int, end: float) -> None:
        """See that as much has been read as the file says that there is.

        Raises:
            ValueError: it is less.
        """
        said = _length(container, stream)
        short = said is not None and shown and said - end > SPARE * end / shown
        if short or (self._suffix == ".avi" and stream.frames - shown > SPARE):
            raise ValueError(f"it is cut off after frame {shown}")


def _time(frame: VideoFrame) -> float:
    """When it begins, in seconds.

    Raises:
        ValueError: its file does not say.
    """
    if frame.pts is None or frame.time_base is None:
        raise ValueError("its frames have no times")
    return float(frame.pts * frame.time_base)


def _seconds(frame: VideoFrame, after: VideoFrame | None) -> float:
    """How long it is seen: until the next one, the last one for as long as it says."""
    if after is not None:
        seconds = _time(after) - _time(frame)
        if seconds <= 0:
            raise ValueError("the times of its frames do not increase")
        return seconds
    return float((frame.duration or 0) * (frame.time_base or 0))


def _length(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds of the stream as the file has them, if it does."""
    import av

    if stream.duration is not None and stream.time_base is not None:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = map(float, parts)
        return hours * 3600 + minutes * 60 + seconds
    except ValueError:
        alone = len(container.streams) == 1 and container.duration
        return container.duration / av.time_base if alone and container.duration else None


def _picture(frame: VideoFrame) -> Image.Image:
    """A frame as Pillow has pictures, upright."""
    if frame.format.name.startswith("gray"):
        mode = "gray"
    else:
        mode = "rgba" if any(part.is_alpha for part in frame.format.components) else "rgb24"
    pixels = frame.to_ndarray(format=mode)
    if frame.rotation % 90 == 0:
        pixels = np.rot90(pixels, frame.rotation // 90)
    return Image.fromarray(np.ascontiguousarray(pixels))
