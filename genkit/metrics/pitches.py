"""The pitch of sounds, and whether it is the one asked for.

Source: McLeod & Wyvill 2005, "A smarter way to find pitch": the lag of the first high peak of the normalised
square difference, n(τ) = 2 Σ x_t x_{t+τ} / Σ (x_t² + x_{t+τ}²), which a decay does not tilt.  Multiples of
that lag, up to an eighth of the sound, then say it more and more finely.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import fft
from torch import Tensor

from genkit.metrics.waveforms import Waveforms, signals

LOWEST = 50.0  # hertz
CENTS = 50.0  # half a semitone
HIGH = 0.95  # of the highest peak, which may stand at a multiple of the period
VOICED = 0.5  # of 1, which a sound has that repeats itself exactly; white noise has less than a tenth of it
FINER = 4  # lags a sample


def pitch(waveforms: Waveforms, rate: float, low: float = LOWEST, high: float | None = None) -> Tensor:
    """Hertz, float64 (n,); no number (NaN) where nothing repeats itself within the range, as in silence.

    Args:
        waveforms: (n, C, T), int16 or floats; two periods at least of `low` must fit into T.
        rate: samples a second.
        low, high: hertz, between which it is looked for; by default up to an eighth of the rate, above which
            a period has too few samples to be told from its neighbours.
    """
    heard = signals(waveforms).numpy()
    ends = rate / (rate / 8 if high is None else high), min(rate / low, heard.shape[2] / 2)
    found = [_period(_repetition(sound), *ends) for sound in heard]
    return rate / torch.tensor(found, dtype=torch.float64)


def in_tune(
    waveforms: Waveforms, rate: float, frequencies: Sequence[float] | Tensor, cents: float = CENTS
) -> Tensor:
    """Which sounds have the pitch asked for, bool (n,): within so many hundredths of a semitone; an octave is
    1,200, so another octave is another pitch.

    Args:
        frequencies: hertz, one a sound.
    """
    wanted = torch.as_tensor(frequencies, dtype=torch.float64)
    lowest, highest = (
        (float(wanted.min()) / 2, float(wanted.max()) * 2) if len(wanted) else (LOWEST, rate / 4)
    )
    found = pitch(waveforms, rate, min(LOWEST, lowest), min(max(rate / 8, highest), rate / 4))
    return (1200 * (found / wanted).log2()).abs() <= cents  # no number is never


def _repetition(sound: np.ndarray) -> np.ndarray:
    """n(τ) of (C, T) without its mean, channels added, float64, at lags of 0, ¼, ½, … samples up to T / 2:
    the peak of a short period is seldom at a whole one; in between is what the same band has there."""
    level = sound - sound.mean(1, keepdims=True)
    count = level.shape[1]
    size = fft.next_fast_len(count + count // 2 + 1, real=True)
    spectrum = fft.rfft(level, size)
    powers = (spectrum.real**2 + spectrum.imag**2).sum(0)
    steps = FINER * (count // 2) + 1
    products = FINER * fft.irfft(powers, FINER * size)[:steps]
    sums = np.concatenate(([0.0], np.cumsum((level**2).sum(0))))
    lags = np.arange(steps) / FINER
    both = np.interp(count - lags, np.arange(count + 1), sums) + sums[-1]
    both -= np.interp(lags, np.arange(count + 1), sums)  # of x_t² and of x_{t+τ}²
    audible = both > 1e-9 * count
    ratio = np.zeros(steps)
    np.divide(2 * products, both, out=ratio, where=audible)
    return ratio


def _period(repetition: np.ndarray, shortest: float, longest: float) -> float:
    """Samples, NaN: there is none."""
    inner = repetition[1:-1]
    peaks = 1 + np.flatnonzero((inner > repetition[:-2]) & (inner >= repetition[2:]))
    peaks = peaks[(peaks > FINER * shortest - 1) & (peaks < FINER * longest + 1)]
    if not len(peaks) or repetition[peaks].max() < VOICED:
        return float("nan")
    first = int(peaks[repetition[peaks] >= HIGH * repetition[peaks].max()][0])
    period, times = _vertex(repetition, first), 2
    while times * period < len(repetition) / 4:
        nearby = round(times * period)
        at = nearby - FINER + int(repetition[nearby - FINER : nearby + FINER + 1].argmax())
        if repetition[at] < HIGH * repetition[first]:
            break  # what is repeated has changed: no later repetition says more
        period, times = _vertex(repetition, at) / times, 2 * times
    return period / FINER


def _vertex(heights: np.ndarray, at: int) -> float:
    """The place of the peak of the parabola through three neighbours."""
    before, here, after = heights[at - 1 : at + 2]
    bend = before - 2 * here + after
    return at + (0.0 if bend == 0 else float(np.clip((before - after) / (2 * bend), -1, 1)))
