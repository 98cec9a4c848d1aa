"""Bands of hearing: triangles over frequency that are equally wide in mel, and the way back from them.

Legend: M bands, K bins of a window, F frames.
Source: the mel of HTK (Young et al., "The HTK Book", section 5.4), 2595 log10(1 + f / 700).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

REFINEMENTS = 8  # steps from the pseudo-inverse; with 32 listeners understand no more


def mel(hertz: np.ndarray) -> np.ndarray:
    """Frequencies in hertz as mel."""
    return np.asarray(2595 * np.log10(1 + hertz / 700))


def hertz(mels: np.ndarray) -> np.ndarray:
    """Mel as frequencies in hertz."""
    return np.asarray(700 * (10 ** (mels / 2595) - 1))


@dataclass(frozen=True)
class MelBank:
    """M triangles of height one, each from its neighbour's centre to the other's, linear in hertz: between
    the outermost centres they sum to one.

    Attributes:
        rate: samples a second.
        window: samples of one.
        bands: how many.
        low, high: hertz, where the first triangle begins and the last one ends.
    """

    rate: float
    window: int
    bands: int
    low: float
    high: float

    @property
    def centres(self) -> np.ndarray:
        """Hertz, float64 (M,)."""
        return self._corners[1:-1]

    @property
    def hears(self) -> bool:
        """Whether there is a frequency of the window in every band."""
        return self.low < self.high and bool(self.weights.any(axis=1).all())

    @cached_property
    def _corners(self) -> np.ndarray:
        """Hertz, float64 (M + 2,): band i begins at i, is highest at i + 1, and ends at i + 2."""
        ends = mel(np.array([self.low, self.high], np.float64))
        return hertz(np.linspace(ends[0], ends[1], self.bands + 2))

    @cached_property
    def weights(self) -> np.ndarray:
        """Of every bin in every band, float64 (M, K)."""
        bins = np.arange(self.window // 2 + 1) * self.rate / self.window
        begin, centre, end = (self._corners[i : i + self.bands, None] for i in range(3))
        rising, falling = (bins - begin) / (centre - begin), (end - bins) / (end - centre)
        return np.asarray(np.minimum(rising, falling).clip(0))

    @cached_property
    def _inverse(self) -> np.ndarray:
        """Moore and Penrose's, float64 (K, M)."""
        return np.asarray(np.linalg.pinv(self.weights))

    def forward(self, magnitudes: np.ndarray) -> np.ndarray:
        """Magnitudes of bins, (F, K), summed by band, (F, M)."""
        return np.asarray(magnitudes @ self.weights.T)

    def back(self, banded: np.ndarray) -> np.ndarray:
        """Magnitudes, float64 (F, K), 0 or above, whose sums by band are near (F, M).

        What of the pseudo-inverse's answer is below zero is cut off; multiplicative steps (Lee & Seung 2001,
        theorem 1) then bring the sums back towards what they should be, and nothing below zero.
        """
        found = (banded @ self._inverse.T).clip(0)
        target = banded @ self.weights
        for _ in range(REFINEMENTS):
            sums = self.forward(found) @ self.weights
            found *= np.divide(target, sums, out=np.zeros_like(sums), where=sums > 0)
        return np.asarray(found)
