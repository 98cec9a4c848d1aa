"""A signal of given magnitudes: phases that agree with each other, found by alternating projections.

Source: Perraudin, Balazs & Søndergaard 2013, "A fast Griffin-Lim algorithm", whose step beyond the projection
(α = 0.99) reaches on recorded digits half the spectral convergence of the plain one (α = 0) in the same time.
"""

from __future__ import annotations

import numpy as np

from genkit.core.representations.fourier import ShortTimeFourier

ITERATIONS, MOMENTUM = 32, 0.99


def griffin_lim(
    fourier: ShortTimeFourier,
    magnitudes: np.ndarray,
    phases: np.ndarray,
    iterations: int = ITERATIONS,
    momentum: float = MOMENTUM,
) -> np.ndarray:
    """The signal (T,).

    Args:
        magnitudes: float32 or float64 (F, K), 0 or above.
        phases: to begin with, complex numbers of modulus one, (F, K).
        momentum: α ≥ 0, how far a step leads beyond the projection.
    """
    tiny, alpha = np.finfo(magnitudes.dtype).tiny, magnitudes.dtype.type(momentum)
    spectrum, before = magnitudes * phases, None
    for _ in range(iterations):
        consistent = fourier.forward(fourier.back(spectrum))  # the nearest one that is of a signal
        ahead = consistent if before is None else consistent + alpha * (consistent - before)
        before = consistent
        # The nearest one that has the magnitudes; where it has no phase, 0 stays 0.
        spectrum = ahead * (magnitudes / np.sqrt(ahead.real**2 + ahead.imag**2 + tiny))
    return fourier.back(spectrum)
