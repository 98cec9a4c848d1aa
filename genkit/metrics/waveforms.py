"""Sounds beside what they should be, pair by pair; and which sounds are silent or clipped.

Every function takes waveforms (n, C, T), integers of 16 bits or floats whose full scale is from -1 to 1, as
arrays or tensors, and gives one number a sound, float64 (n,), or one truth value, bool (n,): a metric is
their mean, with an interval over the sounds.  Nothing that it gives is infinite or no number:

| function               | unit | better | of equal sounds | of a silent truth        | of a silent sound |
|---|---|---|---|---|---|
| `snr`                  | dB   | higher | 100             | -100 (both silent: 100)  | 0                 |
| `si_sdr`               | dB   | higher | 100             | -100 (both silent: 100)  | -100              |
| `spectral_convergence` | 1    | lower  | 0               | up to 10,000             | 1                 |
| `log_spectral`         | dB   | lower  | 0               | up to 86                 | up to 86          |
| `multi_scale`          | 1    | lower  | 0               | up to 10,000             | about 1 and more  |

Ratios are cut off at -100 and 100 dB: beyond lie sounds of 16 bits that differ in a few single steps.  What
is softer than 80 dB below full scale counts as that soft in logarithms, and as a divisor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genkit.metrics.truth_distance import Distance
from genkit.nn.spectra import FLOOR, WINDOWS, magnitudes, spectral_distance
from genkit.system.errors import DataError

Waveforms = np.ndarray | Tensor
FULL = 2**15  # of 16 bits, what stands for 1
MOST = 100.0  # decibels
WINDOW = 256  # samples: 32 ms at 8 kHz
SILENT = -60.0  # decibels below full scale, of the deviation from the mean
CLIPPED = 3  # samples in a row at full scale; a peak that was brought there has one
AT_ONCE = 2**20  # samples whose spectra are held together


def signals(waveforms: Waveforms) -> Tensor:
    """float64 (n, C, T), full scale from -1 to 1.

    Raises:
        DataError: they have no three axes, are integers of another width, or are not finite.
    """
    given = torch.as_tensor(waveforms)
    if given.ndim != 3 or not (given.is_floating_point() or given.dtype == torch.int16):
        kind = f"{str(given.dtype).removeprefix('torch.')} {tuple(given.shape)}"
        raise DataError(f"waveforms are int16 or floats of a shape (n, C, T), not {kind}.")
    if given.dtype == torch.int16:
        return given.double() / FULL
    if not given.isfinite().all():
        raise DataError("waveforms hold numbers that are not finite, which are no sound.")
    return given.double()


def signal_pairs(waveforms: Waveforms, truth: Waveforms) -> tuple[Tensor, Tensor]:
    """Both as signals.

    Raises:
        DataError: they are no waveforms, or there are not as many and as long ones.
    """
    made, wanted = signals(waveforms), signals(truth)
    if made.shape != wanted.shape:
        shapes = f"{tuple(made.shape)} beside {tuple(wanted.shape)}"
        raise DataError(f"sounds are measured beside as many of the same length, not {shapes}.")
    return made, wanted


# ---------------------------------------------------------------------- sample by sample


def snr(waveforms: Waveforms, truth: Waveforms) -> Tensor:
    """Signal-to-noise ratio, 10 log10 (Σ x² / Σ (y - x)²), over all channels together."""
    made, wanted = (part.flatten(1) for part in signal_pairs(waveforms, truth))
    return _decibels(_energy(wanted), _energy(made - wanted))


def si_sdr(waveforms: Waveforms, truth: Waveforms) -> Tensor:
    """The same beside that loudness of the truth which is nearest to the sound, α x, α = ⟨y, x⟩ / ⟨x, x⟩: the
    scale-invariant signal-to-distortion ratio (Le Roux et al. 2019, equation 4), of signals as they are: no
    mean is removed."""
    made, wanted = (part.flatten(1) for part in signal_pairs(waveforms, truth))
    energy = _energy(wanted)
    scale = (made * wanted).sum(1) / energy.where(energy > 0, 1)
    target = scale[:, None] * wanted
    found = _decibels(_energy(target), _energy(made - target))
    return found.masked_fill((scale == 0) & (energy > 0), -MOST)  # nothing of the truth, at any loudness


def _energy(signal: Tensor) -> Tensor:
    return signal.square().sum(1)


def _decibels(signal: Tensor, noise: Tensor) -> Tensor:
    """10 log10 of a ratio, between -100 and 100; 100 where there is no noise."""
    tiny = torch.finfo(signal.dtype).tiny
    ratio = 10 * (signal.clamp(min=tiny).log10() - noise.clamp(min=tiny).log10())
    return ratio.masked_fill(noise == 0, MOST).clamp(-MOST, MOST)


# ---------------------------------------------------------------------- by spectra


def spectral_convergence(waveforms: Waveforms, truth: Waveforms, window: int = WINDOW) -> Tensor:
    """‖|X| - |Y|‖ / ‖|X|‖ over all frames (Arık et al. 2018, equation 3); a hop is a quarter of a window."""

    def of(made: Tensor, wanted: Tensor) -> Tensor:
        x, y = magnitudes(wanted, window).flatten(1), magnitudes(made, window).flatten(1)
        size = x.norm(dim=1).clamp(min=FLOOR * x.shape[1] ** 0.5)
        missed: Tensor = (x - y).norm(dim=1) / size
        return missed

    return _in_blocks(of, waveforms, truth)


def log_spectral(waveforms: Waveforms, truth: Waveforms, window: int = WINDOW) -> Tensor:
    """Log-spectral distance: of each frame the root of the mean square of 20 log10 (|X| / |Y|) over the bins,
    and of those the mean over the frames (Gray & Markel 1976, with a floor)."""

    def of(made: Tensor, wanted: Tensor) -> Tensor:
        x, y = (20 * magnitudes(part, window).clamp(min=FLOOR).log10() for part in (wanted, made))
        return (x - y).square().mean(2).sqrt().flatten(1).mean(1)

    return _in_blocks(of, waveforms, truth)


def multi_scale(waveforms: Waveforms, truth: Waveforms, windows: Sequence[int] = WINDOWS) -> Tensor:
    """The distance by which models are trained: see `genkit.nn.spectra.spectral_distance`."""
    return _in_blocks(lambda made, wanted: spectral_distance(made, wanted, windows), waveforms, truth)


DISTANCES = {
    "snr": Distance("SNR, dB", snr),
    "si_sdr": Distance("SI-SDR, dB", si_sdr),
    "spectral_convergence": Distance("spectral convergence", spectral_convergence),
    "log_spectral": Distance("log-spectral distance, dB", log_spectral),
    "multi_scale": Distance("multi-scale STFT distance", multi_scale),
}


def _in_blocks(of: Callable[[Tensor, Tensor], Tensor], waveforms: Waveforms, truth: Waveforms) -> Tensor:
    """A number of each pair, a bounded number of pairs at a time."""
    made, wanted = signal_pairs(waveforms, truth)
    rows = max(1, AT_ONCE // max(1, made[:1].numel()))
    found = [of(y, x) for y, x in zip(made.split(rows), wanted.split(rows), strict=True)] if len(made) else []
    return torch.cat(found) if found else made.new_empty(0)


# ---------------------------------------------------------------------- alone


def silent(waveforms: Waveforms, below: float = SILENT) -> Tensor:
    """Which sounds nobody hears, bool (n,): each channel deviates from its mean by less than so many decibels
    below full scale (-60: a thousandth), so a constant is silent, too."""
    deviations = signals(waveforms).std(2, correction=0)
    return (deviations < 10 ** (below / 20)).all(1)


def clipped(waveforms: Waveforms, run: int = CLIPPED) -> Tensor:
    """Which sounds are cut off at full scale, bool (n,): `run` samples in a row, or more, are at one end."""
    heights = signals(waveforms)
    if heights.shape[2] < run:
        return torch.zeros(len(heights), dtype=torch.bool)
    highest = 1 - 1 / FULL  # of 16 bits
    ends = torch.stack((heights >= highest, heights <= -highest), 1).flatten(1, 2).float()
    return F.avg_pool1d(ends, run, 1).eq(1).flatten(1).any(1)
