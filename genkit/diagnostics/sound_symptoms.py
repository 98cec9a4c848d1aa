"""What tells drawn sounds that went wrong, beside real ones: silence, clipping, a constant, one period.

Each number is the share of drawn sounds with the symptom beyond the share that real ones have, of the rest: 0
where they are as the data, 1 where all have it and no real one does.

Legend: n sounds, C channels, T samples, L lags.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

HEARD = 32  # drawn and real sounds that are looked at; of pictures of sounds the way back takes its time
QUIET = 0.02  # of the loudness of real sounds
FLAT = 1e-3  # deviation of full scale below which a sound does not move
HIGH, OFTEN = 0.999, 0.005  # of full scale; share of samples there: what has a single peak has fewer
SAME, SHORTEST = 0.98, 8  # correlation of a sound with itself one period later; samples of a period at least
USUAL = 0.5  # share of real sounds with a symptom from which on it tells nothing
WINDOW, SOFT = 128, 1e-2  # of spectra that are compared; what is softer counts as that soft


def of_sounds(drawn: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """`silent`, `constant`, `clipped` and `one_period`, of sounds as they are heard, int16 (n, C, T) each.

    `one_period` is left out where real sounds repeat themselves as well, as strings do.
    """
    ours, theirs = (sounds.astype(np.float64) / 2**15 for sounds in (drawn, real))
    usual = float(np.median(_loudness(theirs)))
    measured = {}
    for name, tell in (
        ("silent", lambda sounds: _loudness(sounds) < QUIET * usual),
        ("constant", lambda sounds: (sounds.std(2).max(1) < FLAT) & (_loudness(sounds) >= QUIET * usual)),
        ("clipped", lambda sounds: (np.abs(sounds) >= HIGH).mean(2).max(1) >= OFTEN),
        ("one_period", lambda sounds: (sounds.std(2).max(1) >= FLAT) & (repetition(sounds) >= SAME)),
    ):
        share, known = float(tell(ours).mean()), float(tell(theirs).mean())
        if known < USUAL:
            measured[name] = max(0.0, (share - known) / (1 - known))
    return measured


def _loudness(sounds: np.ndarray) -> np.ndarray:
    """Root of the mean square, (n,)."""
    root: np.ndarray = np.sqrt(np.square(sounds).mean((1, 2)))
    return root


def repetition(sounds: np.ndarray) -> np.ndarray:
    """How much a sound is itself some samples later, up to 1, (n,): the highest correlation over all lags
    from `SHORTEST` to half of it behind the first that is below a half; over the whole sound, so that what
    begins, ends or changes has less."""
    x = sounds - sounds.mean(2, keepdims=True)
    T = x.shape[2]
    spectrum = np.fft.rfft(x, 2 * T)
    products = np.fft.irfft(np.abs(spectrum) ** 2)[..., : T // 2 + 1].sum(1)  # (n, L): Σ x_t x_{t+l}
    energy = np.cumsum(np.square(x).sum(1), 1)  # (n, T)
    whole, lags = energy[:, -1:], np.arange(T // 2 + 1)
    earlier = energy[:, T - 1 - lags]  # of all but the last l samples
    later = whole - np.concatenate((np.zeros_like(whole), energy[:, lags[1:] - 1]), 1)  # but the first l
    # By the mean of the two, not their root: what fades is not the same later.
    found = 2 * products / np.maximum(earlier + later, 1e-12)
    # What is smooth is near to itself a few samples later, whatever it does.
    apart = np.maximum.accumulate(found < 0.5, axis=1)
    apart[:, :SHORTEST] = False
    highest: np.ndarray = np.where(apart, found, -1.0).max(1)
    return highest


def spectra(unit: Tensor) -> Tensor:
    """How loud each pitch is at each time, in logarithms, (B, C, K, F), of floats in [0, 1], (B, C, T): two
    sounds of other phases are alike in them, and loud ones no farther apart than soft ones."""
    signal = unit.float().flatten(0, 1) * 2 - 1
    taper = torch.hann_window(WINDOW, device=unit.device)
    made = torch.stft(signal, WINDOW, WINDOW // 2, window=taper, pad_mode="constant", return_complex=True)
    magnitudes = made.abs() / (WINDOW / 4)  # that of a sine of full scale is 1
    return magnitudes.clamp(min=SOFT).log().view(*unit.shape[:2], *made.shape[1:])
