"""Short-time Fourier transforms of one signal, and the signal whose transform is nearest to given numbers.

Legend: T samples, F = ⌈T / hop⌉ frames, W samples of a window, K = ⌊W / 2⌋ + 1 bins.
Source of the way back: Griffin & Lim 1984, equation 6 (least squares, with the window on both ways).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft


@dataclass(frozen=True)
class ShortTimeFourier:
    """Frame i is centred at sample (i + ½) · hop, so that F frames cover the signal and none lies outside;
    beside the signal is silence.  Both ways compute in the precision of what they are given.

    Attributes:
        samples: of the signal.
        window: samples of a (periodic) Hann window, at least 4.
        hop: samples from one frame to the next, at most half a window: then the squares of the windows sum to
            1/4 at least (1/16, if one is odd) at every sample, and the way back is well conditioned.
    """

    samples: int
    window: int
    hop: int

    @property
    def frames(self) -> int:
        return math.ceil(self.samples / self.hop)

    @property
    def bins(self) -> int:
        return self.window // 2 + 1

    @property
    def full_scale(self) -> float:
        """The magnitude at its own frequency of a sine from -1 to 1, far from the signal's ends."""
        return float(self.taper.sum() / 2)

    @cached_property
    def taper(self) -> np.ndarray:
        """The window, float64 (W,)."""
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)

    @cached_property
    def signal(self) -> slice:
        """Where the signal lies in what the frames cover."""
        begin = (self.window - self.hop) // 2
        return slice(begin, begin + self.samples)

    @cached_property
    def weight(self) -> np.ndarray:
        """One over the sum of the squared windows, float64 (T,)."""
        squares = np.broadcast_to(self.taper**2, (self.frames, self.window))
        return np.asarray(1 / self._added(squares)[self.signal])

    def forward(self, signal: np.ndarray) -> np.ndarray:
        """A signal, float (T,), to its transform, complex (F, K)."""
        around = np.zeros((self.frames - 1) * self.hop + self.window, signal.dtype)
        around[self.signal] = signal
        frames = np.lib.stride_tricks.sliding_window_view(around, self.window)[:: self.hop]
        return np.asarray(fft.rfft(frames * self.taper.astype(signal.dtype)))

    def back(self, spectrum: np.ndarray) -> np.ndarray:
        """The signal, float (T,), with the transform that is nearest to complex (F, K), by least squares."""
        frames = fft.irfft(spectrum, n=self.window)
        frames *= self.taper.astype(frames.dtype)
        return np.asarray(self._added(frames)[self.signal] * self.weight.astype(frames.dtype))

    def _added(self, frames: np.ndarray) -> np.ndarray:
        """Frames (F, W), each at its place, summed: ((F + ⌈W / hop⌉ - 1) · hop,)."""
        parts = math.ceil(self.window / self.hop)  # a frame spans so many hops: one sum each over all frames
        total = np.zeros((len(frames) + parts - 1, self.hop), frames.dtype)
        for part in range(parts):
            piece = frames[:, part * self.hop : (part + 1) * self.hop]
            total[part : part + len(frames), : piece.shape[1]] += piece
        return total.reshape(-1)
