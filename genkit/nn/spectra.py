"""How far two sounds are apart at several resolutions: by magnitudes, as they are and as logarithms.

A distance of samples asks for every phase, which nobody hears; this one asks for none, and is differentiable.

Legend: B sounds, C channels, T samples; of a window of W samples F frames and K = W / 2 + 1 bins.
Sources: Défossez et al. 2018 (SING: logarithms of spectra), Yamamoto et al. 2020 (Parallel WaveGAN, equations
4 to 6: both terms at several resolutions), Caillon & Esling 2021 (RAVE, section 3.1: the same, windows from
2,048 to 128 samples at 44.1 kHz).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genkit.nn.precision import widened

WINDOWS = (512, 256, 128, 64, 32)  # samples; at 8 kHz from 64 to 4 ms
FLOOR = 1e-4  # of the magnitude of a sine at full scale, 80 dB below it: softer differences are not heard


def magnitudes(sounds: Tensor, window: int) -> Tensor:
    """Of a short-time transform with a hop of a quarter, (B, C, K, F), in float32 at least; silence lies
    around the sounds, and a sine from -1 to 1 has the magnitude one.

    Args:
        sounds: (B, C, T), full scale is from -1 to 1.
        window: samples of a (periodic) Hann window, a multiple of four.
    """
    signals = widened(sounds)
    taper = torch.hann_window(window, dtype=signals.dtype, device=signals.device)
    spectra = torch.stft(
        signals.flatten(0, 1),
        n_fft=window,
        hop_length=window // 4,
        window=taper,
        center=True,
        pad_mode="constant",  # takes sounds that are shorter than half a window, too
        return_complex=True,
    )
    heights: Tensor = spectra.abs() / (window / 4)  # of a sine: half of the window's sum
    return heights.view(*sounds.shape[:2], *heights.shape[1:])


def spectral_distance(sounds: Tensor, truth: Tensor, windows: Sequence[int] = WINDOWS) -> Tensor:
    """The mean over the windows of ‖|Y| - |X|‖ / ‖|X|‖ and of the mean of |ln |Y| - ln |X||, (B,), 0 where
    sounds are equal; X is of the truth, (B, C, T) both.

    Magnitudes below the floor count as the floor: digital silence and 80 dB below full scale are one, and a
    truth that is silent divides by no zero.
    """
    total = sounds.new_zeros(len(sounds), dtype=widened(sounds).dtype)
    for window in windows:
        made, wanted = (magnitudes(part, window).flatten(1) for part in (sounds, truth))
        size = torch.linalg.vector_norm(wanted, dim=1).clamp(min=FLOOR * wanted.shape[1] ** 0.5)
        linear = torch.linalg.vector_norm(made - wanted, dim=1) / size
        logarithmic = (made.clamp(min=FLOOR).log() - wanted.clamp(min=FLOOR).log()).abs().mean(1)
        total = total + linear + logarithmic
    return total / len(windows)
