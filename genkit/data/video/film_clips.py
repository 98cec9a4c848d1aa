"""What films become: clips of one shape, and what a film is before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import islice
from typing import ClassVar

import numpy as np
from PIL import Image

from genkit.data.arrays.pictures import Form, plain, to_array
from genkit.data.video.animated_pictures import is_transparent, refusals
from genkit.data.video.film import MOST_FRAMES, Film, Pace, count_frames, frames_of

TINTED = 2  # levels by which the channels of a grey frame may differ in a file that loses a little
GLANCE = 64  # pixels of a side at which frames are compared
# A cut: a frame that differs from the one before so many times as much as is usual, and by so many levels.
SUDDEN, VISIBLE, ENOUGH = 6.0, 10.0, 4
BEHIND = 127  # grey behind transparency while a film is watched: what is black or white is seen
DEEP = {
    "16-bit": (0.0, 65_535.0),
    "32-bit": (0.0, 65_535.0),
    "float": (0.0, 1.0),
}  # black and white of pictures


@dataclass(frozen=True)
class FilmForm:
    """What all clips have.

    Attributes:
        frames: of a clip.
        stride: of the frames of a film every so many are taken.
        rate: frames a second at which films are looked at before that; None: at their own.
        cut: of longer films "crop", their beginning, or "windows", all that lie wholly within.
        picture: what each frame becomes.
    """

    frames: int
    stride: int
    rate: float | None
    cut: str
    picture: Form

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(C, T, H, W)."""
        return self.picture.channels, self.frames, self.picture.height, self.picture.width

    def taken(self, frames: int) -> int:
        """Frames that are left of a film by the stride."""
        return -(-frames // self.stride)

    def count(self, frames: int) -> int:
        """Clips of a film of so many frames; 0 where it is too short."""
        whole = self.taken(frames) // self.frames
        return min(1, whole) if self.cut == "crop" else whole

    def clips(self, film: Film, pace: Pace) -> Iterator[np.ndarray]:
        """The clips of a film, uint8 (C, T, H, W) each; of one that is too short there is none.

        Raises:
            OSError, ValueError: it cannot be read.
        """
        taken = self._taken(film, pace)
        while True:
            clip = np.empty(self.shape, np.uint8)
            place = -1
            for place, frame in enumerate(islice(taken, self.frames)):
                clip[:, place] = frame
            if place + 1 < self.frames:
                return
            yield clip
            if self.cut == "crop":
                return

    def _taken(self, film: Film, pace: Pace) -> Iterator[np.ndarray]:
        """Every so many frames of a film, uint8 (C, H, W) each; a picture is worked on once."""
        place = 0
        for image, count in frames_of(film, pace, self.rate):
            wanted = len(range(-place % self.stride, count, self.stride))
            place += count
            if wanted:
                with refusals():
                    frame = drawn(image, self.picture)
                for _ in range(wanted):
                    yield frame


def drawn(image: Image.Image, form: Form) -> np.ndarray:
    """A picture in a form, uint8 (C, H, W): from a whole multiple of its size by the mean of each block, so
    that what was enlarged by repeating pixels is as it was.

    Raises:
        ValueError: it has values that are no picture's.
    """
    try:
        image = plain(image, form)
    except ValueError as error:
        raise ValueError(str(error).removesuffix("; set data.range")) from None
    across, down = image.width // form.width, image.height // form.height
    if across == down > 1 and image.size == (across * form.width, down * form.height):
        image = image.reduce(across)
    return to_array(image, form)


@dataclass(frozen=True)
class Watched:
    """What a film is.

    Attributes:
        pictures: that its file holds.
        frames: that they are at its own pace.
        seconds: that it takes; 0 where nobody says.
        pace: of it.
        width, height: of every frame.
        grey: whether all frames are.
        transparent: whether any lets something through.
        still: whether all frames are the same.
        jumps: frames that differ from the one before far more than others do.
    """

    COLUMNS: ClassVar[int] = 11  # of `numbers`

    pictures: int
    frames: int
    seconds: float
    pace: Pace
    width: int
    height: int
    grey: bool
    transparent: bool
    still: bool
    jumps: int

    def frames_at(self, rate: float | None) -> int:
        """Frames at a rate; None: at its own."""
        return count_frames(self.frames, self.seconds, self.pace, rate)

    def paced(self, rate: float | None) -> Watched:
        """One whose file has joined all frames, for they are the same, has as many as its time has at a
        rate."""
        if self.pictures > 1 or not self.seconds or not rate:
            return self
        pace = Pace(1 / rate)
        return replace(self, pace=pace, frames=pace.frames(self.seconds))

    def numbers(self) -> list[float]:
        """All of it, the pace last."""
        own = (self.pictures, self.frames, self.seconds, self.width, self.height)
        return [*own, self.grey, self.transparent, self.still, self.jumps, *astuple(self.pace)]

    @classmethod
    def from_numbers(cls, numbers: Sequence[float]) -> Watched:
        """As `numbers` has it."""
        pictures, frames, seconds, width, height, grey, transparent, still, jumps, unit, even = numbers
        pace, size = Pace(unit, bool(even)), (int(width), int(height))
        seen = bool(grey), bool(transparent), bool(still)
        return cls(int(pictures), int(frames), seconds, pace, *size, *seen, int(jumps))

    @classmethod
    def of(cls, film: Film) -> Watched:
        """All of it is decoded.

        Raises:
            OSError, ValueError: it cannot be.
        """
        durations: list[float | None] = []
        changes: list[float] = []
        size, grey, transparent, still = (0, 0), True, False, True
        first: np.ndarray | None = None
        before: np.ndarray | None = None
        for shot in film.shots():
            with refusals():
                image = shot.image
                if durations and image.size != size:
                    told = f"picture {len(durations) + 1} is {image.width}×{image.height}"
                    raise ValueError(f"its frames have several sizes: {told}, the first {size[0]}×{size[1]}")
                size = image.size
                durations.append(shot.seconds)
                transparent = transparent or is_transparent(image)
                colour = drawn(image, Form(3, *size[::-1], background=BEHIND, ranges=DEEP))
                glance = _glance(image)
            grey = grey and _is_grey(colour)
            first = colour if first is None else first
            still = still and np.array_equal(colour, first)
            if before is not None:
                changes.append(float(np.abs(glance - before).mean()))
            before = glance
        if not durations:
            raise ValueError("it holds no frames")
        pace = Pace.of(durations, film.grain)
        seconds = math.fsum(duration or 0.0 for duration in durations)
        frames = sum(pace.frames(duration or 0.0) for duration in durations)
        if max(frames, seconds / (pace.unit or 1)) > MOST_FRAMES:
            raise ValueError(f"it has more than {MOST_FRAMES:,} frames")
        return cls(len(durations), frames, seconds, pace, *size, grey, transparent, still, _jumps(changes))


def _is_grey(colour: np.ndarray) -> bool:
    """Whether a picture uint8 (3, H, W) has no colour to speak of."""
    red, green, blue = colour.astype(np.int16)
    return bool(max(np.abs(red - green).max(), np.abs(green - blue).max()) <= TINTED)


def _glance(image: Image.Image) -> np.ndarray:
    """A picture as its changes are seen: grey and small, float32 (h, w)."""
    grey = plain(image, Form(1, 0, 0, ranges=DEEP))
    small = min(GLANCE, grey.width), min(GLANCE, grey.height)
    return np.asarray(grey.resize(small, Image.Resampling.BOX), np.float32)


def _jumps(changes: list[float]) -> int:
    """How many changes from picture to picture are far above the usual one."""
    if len(changes) < ENOUGH:
        return 0
    return int((np.array(changes) > max(VISIBLE, SUDDEN * float(np.median(changes)))).sum())
