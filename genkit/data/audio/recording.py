"""A recording: samples in time, read in stretches, so that its length needs no memory.

What wraps one (another rate, fewer channels) is one again.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

BLOCK = 2**18  # samples of a channel that are read at once
STRETCH = 2**16  # samples that are brought to another rate at once
SLOWEST, FASTEST, MOST_CHANNELS = 100, 1_000_000, 32  # samples a second; channels of what is opened
REACH = 10  # of scipy's polyphase filter: so many samples of the slower rate on either side


class Recording(ABC):
    """An open recording.

    Attributes:
        rate: samples a second.
        channels: of each sample.
        frames: samples of each channel.
    """

    rate: int
    channels: int
    frames: int

    @abstractmethod
    def read(self, start: int, stop: int) -> np.ndarray:
        """Samples start … stop - 1 of all channels, float32 (C, stop - start); full scale is [-1, 1].

        Raises:
            OSError, ValueError: they cannot be read.
        """

    def blocks(self) -> Iterator[np.ndarray]:
        """All samples, in stretches."""
        for start in range(0, self.frames, BLOCK):
            yield self.read(start, min(start + BLOCK, self.frames))


class Held(Recording):
    """Samples that are in memory."""

    def __init__(self, samples: np.ndarray, rate: int) -> None:
        self.samples, self.rate = samples, rate
        self.channels, self.frames = samples.shape

    def read(self, start: int, stop: int) -> np.ndarray:
        found: np.ndarray = self.samples[:, start:stop]
        return found


class Mixed(Recording):
    """With another number of channels: one is the mean of all; one stands for each of two."""

    def __init__(self, inner: Recording, channels: int) -> None:
        self.inner, self.channels = inner, channels
        self.rate, self.frames = inner.rate, inner.frames

    def read(self, start: int, stop: int) -> np.ndarray:
        samples = self.inner.read(start, stop)
        if self.channels == len(samples):
            return samples
        if self.channels == 1 or len(samples) > 1:
            samples = samples.mean(0, keepdims=True, dtype=np.float32)
        return np.repeat(samples, self.channels, 0)


class Resampled(Recording):
    """At another rate, by scipy's polyphase filter; a stretch is as it is in the whole."""

    def __init__(self, inner: Recording, rate: int) -> None:
        self.inner, self.rate, self.channels = inner, rate, inner.channels
        ratio = Fraction(rate, inner.rate)
        self.up, self.down = ratio.numerator, ratio.denominator
        self.frames = -(-inner.frames * self.up // self.down)
        # What the filter reaches to either side, in whole steps of the ratio.
        steps = math.ceil((REACH * max(self.up, self.down) / self.up + 1) / self.down)
        self.margin = steps * self.down
        self._last: tuple[int, np.ndarray] | None = None  # windows are read one after another

    def read(self, start: int, stop: int) -> np.ndarray:
        if self.up == self.down:
            return self.inner.read(start, stop)
        pieces = []
        for number in range(start // STRETCH, -(-stop // STRETCH)):
            begin = number * STRETCH
            pieces.append(self._stretch(number)[:, max(0, start - begin) : stop - begin])
        return np.concatenate(pieces, 1)

    def _stretch(self, number: int) -> np.ndarray:
        """The samples from number · STRETCH on, as many."""
        from scipy.signal import resample_poly

        if self._last is None or self._last[0] != number:
            start, stop = number * STRETCH, min((number + 1) * STRETCH, self.frames)
            first = max(0, start // self.up * self.down - self.margin)
            last = min(self.inner.frames, -(-stop // self.up) * self.down + self.margin)
            made = resample_poly(self.inner.read(first, last), self.up, self.down, axis=1)
            begin = first // self.down * self.up
            self._last = number, np.asarray(made[:, start - begin : stop - begin], np.float32)
        return self._last[1]


def checked(recording: Recording) -> Recording:
    """One whose header says what can be.

    Raises:
        ValueError: it does not.
    """
    if not SLOWEST <= recording.rate <= FASTEST:
        raise ValueError(f"its rate is {recording.rate:,} Hz; there are from {SLOWEST} to {FASTEST:,}")
    if not 1 <= recording.channels <= MOST_CHANNELS:
        raise ValueError(f"it has {recording.channels:,} channels; there are up to {MOST_CHANNELS}")
    if recording.frames < 1:
        raise ValueError("it has no samples")
    return recording
