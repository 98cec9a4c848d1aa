"""What recordings become: clips of one rate, length and number of channels, and how each is brought to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genkit.data.arrays.levels import levels_of
from genkit.data.audio.recording import Held, Mixed, Recording, Resampled

WHOLE = 2**22  # samples up to which a recording is held in memory while it is worked on
CLIPPED = 0.001  # share of samples at full scale of a recording that was too loud
SILENT = 2.0**-11  # of full scale: a peak below it, 66 dB down, is silence
FULL = 32_767
AT_SCALE = 0.999  # of full scale: a sample that cannot be louder


@dataclass(frozen=True)
class ClipForm:
    """What all clips have.

    Attributes:
        rate: samples a second.
        length: samples.
        channels: 1 or 2.
        fit: of longer recordings "crop", their beginning, or "windows", all that lie wholly within.
        peak: whether each recording is brought to full scale.
        trim: decibels below the peak under which its ends are cut; None: they stay.
    """

    rate: int
    length: int
    channels: int
    fit: str
    peak: bool
    trim: float | None

    def clips(self, recording: Recording) -> Iterator[np.ndarray]:
        """The clips of a recording, levels uint16 (C, length) each.

        Raises:
            OSError, ValueError: it cannot be read.
        """
        made: Recording = Resampled(Mixed(recording, self.channels), self.rate)
        if made.frames <= WHOLE and recording.frames <= WHOLE:
            made = Held(made.read(0, made.frames), made.rate)
        highest = max(float(np.abs(block).max(initial=0)) for block in made.blocks())
        first, last = self._within(made, highest)
        loudness = 1 / highest if self.peak and highest >= SILENT else 1.0
        count = 1 if self.fit == "crop" else max(1, (last - first) // self.length)
        for i in range(count):
            start = first + i * self.length
            yield self._levels(made.read(start, min(start + self.length, last)) * loudness)

    def _within(self, recording: Recording, peak: float) -> tuple[int, int]:
        """Where what is louder than the bound begins and ends; all of a silent recording."""
        if self.trim is None or peak < SILENT:
            return 0, recording.frames
        bound, first, last, place = peak * 10 ** (-self.trim / 20), recording.frames, 0, 0
        for block in recording.blocks():
            loud = np.flatnonzero((np.abs(block) >= bound).any(0))
            if len(loud):
                first, last = min(first, place + int(loud[0])), place + int(loud[-1]) + 1
            place += block.shape[1]
        return first, last

    def _levels(self, samples: np.ndarray) -> np.ndarray:
        """Samples (C, n) with full scale [-1, 1] as levels, what is missing at the end as silence."""
        levels = np.full((self.channels, self.length), 2**15, np.uint16)
        # What is brought to full scale has its peak there, on either side; what is not stays bit for bit.
        whole = np.round(samples * (FULL if self.peak else 2**15)).clip(-(2**15), FULL)
        levels[:, : samples.shape[1]] = levels_of(whole.astype(np.int16))
        return levels


@dataclass(frozen=True)
class Heard:
    """What a recording is, before anything is made of it.

    Attributes:
        rate: samples a second.
        channels: as they are.
        frames: samples of a channel.
        peak: the largest value without its sign, of full scale.
        clipped: the share of samples at full scale whose neighbour is, too: a peak alone is one sample.
        offset: the mean, of full scale.
    """

    rate: int
    channels: int
    frames: int
    peak: float
    clipped: float
    offset: float

    def samples(self, rate: int) -> int:
        """Of a channel, at another rate."""
        return -(-self.frames * rate // self.rate)

    @classmethod
    def of(cls, recording: Recording) -> Heard:
        """All of it is read.

        Raises:
            OSError, ValueError: it cannot be.
        """
        peak, at_scale, total = 0.0, 0, 0.0
        for block in recording.blocks():
            loud = np.abs(block)
            peak = max(peak, float(loud.max(initial=0)))
            flat = loud >= AT_SCALE
            at_scale += int((flat[:, 1:] & flat[:, :-1]).sum())
            total += float(block.sum(dtype=np.float64))
        numbers = recording.frames * recording.channels
        found = (recording.rate, recording.channels, recording.frames)
        return cls(*found, peak, at_scale / numbers, total / numbers)
