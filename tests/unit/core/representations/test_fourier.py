"""Short-time transforms: those of torch and scipy, the way back by a least-squares solver of its own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import ShortTimeFFT

from genkit.core.representations.fourier import ShortTimeFourier

SHAPES = [(4096, 256, 128), (4096, 320, 128), (1000, 257, 100), (70, 64, 32), (9, 256, 128)]


def signals(samples, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, samples)


def padded(signal, window, hop, frames):
    """Half of what a window has more than a hop in front, and as much behind as the frames want."""
    front = (window - hop) // 2
    return np.pad(signal, (front, (frames - 1) * hop + window - front - len(signal)))


@pytest.mark.parametrize(("samples", "window", "hop"), SHAPES)
def test_it_is_that_of_torch(samples, window, hop):
    fourier, signal = ShortTimeFourier(samples, window, hop), signals(samples)
    frames = -(-samples // hop)
    found = torch.stft(
        torch.from_numpy(padded(signal, window, hop, frames)),
        n_fft=window,
        hop_length=hop,
        window=torch.hann_window(window, dtype=torch.float64),
        center=False,
        return_complex=True,
    )
    assert found.shape == (fourier.bins, frames)
    np.testing.assert_allclose(fourier.forward(signal), found.numpy().T, atol=1e-11)


def test_it_is_that_of_scipy():
    """Whose slice p is centred at sample p · hop: half a hop of silence in front makes it ours."""
    signal = signals(4096)
    scipy = ShortTimeFFT(0.5 - 0.5 * np.cos(np.arange(256) * np.pi / 128), 128, fs=1, phase_shift=None)
    expected = scipy.stft(np.pad(signal, (64, 0)), p0=1, p1=33)
    np.testing.assert_allclose(ShortTimeFourier(4096, 256, 128).forward(signal), expected.T, atol=1e-11)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 600), st.integers(4, 90), st.data())
def test_there_and_back_is_the_signal(samples, window, data):
    hop = data.draw(st.integers(1, window // 2))
    fourier, signal = ShortTimeFourier(samples, window, hop), signals(samples, seed=samples)
    np.testing.assert_allclose(fourier.back(fourier.forward(signal)), signal, atol=1e-12)
    least = 1 / 4 if window % 2 == hop % 2 == 0 else 1 / 16  # as the class says of the squared windows' sum
    assert fourier.weight.max() <= 1 / least + 1e-9


def spectra(fourier, seed=0):
    """Numbers that are no signal's transform."""
    real, imaginary = np.random.default_rng(seed).normal(size=(2, fourier.frames, fourier.bins))
    return real + 1j * imaginary


@pytest.mark.parametrize(("samples", "window", "hop"), [(40, 16, 8), (33, 15, 4), (5, 16, 8)])
def test_the_way_back_is_the_least_squares_answer(samples, window, hop):
    """By the matrix of all transforms and a solver: a bin counts twice where its conjugate is left out."""
    fourier = ShortTimeFourier(samples, window, hop)
    twice = np.full(fourier.bins, np.sqrt(2.0))
    twice[0] = 1
    if window % 2 == 0:
        twice[-1] = 1

    def reals(spectrum):
        spectrum = spectrum * twice
        return np.concatenate((spectrum.real.ravel(), spectrum.imag.ravel()))

    matrix = np.stack([reals(fourier.forward(unit)) for unit in np.eye(samples)], axis=1)
    given = spectra(fourier)
    expected = np.linalg.lstsq(matrix, reals(given), rcond=None)[0]
    np.testing.assert_allclose(fourier.back(given), expected, atol=1e-10)


def test_away_from_the_ends_the_way_back_is_that_of_torch():
    """torch.istft centres its first frame at the first sample: a frame of nothing at either end."""
    fourier = ShortTimeFourier(2048, 256, 64)
    given = spectra(fourier)
    found = torch.istft(
        torch.from_numpy(np.pad(given, ((1, 1), (0, 0))).T),
        n_fft=256,
        hop_length=64,
        window=torch.hann_window(256, dtype=torch.float64),
        center=True,
        length=2048 + 64,
    ).numpy()
    np.testing.assert_allclose(fourier.back(given)[256:-256], found[32 + 256 : 32 + 2048 - 256], atol=1e-11)


def test_float32_stays_float32():
    fourier, signal = ShortTimeFourier(512, 64, 32), signals(512).astype(np.float32)
    spectrum = fourier.forward(signal)
    assert spectrum.dtype == np.complex64
    assert fourier.back(spectrum).dtype == np.float32
    np.testing.assert_allclose(fourier.back(spectrum), signal, atol=1e-6)


def test_a_sine_at_full_scale_has_its_magnitude():
    fourier = ShortTimeFourier(1024, 64, 32)
    sine = np.sin(2 * np.pi * np.arange(1024) * 5 / 64)
    magnitudes = np.abs(fourier.forward(sine))[4:-4]
    assert magnitudes[:, 5] == pytest.approx(fourier.full_scale)
    assert magnitudes.argmax(1).tolist() == [5] * len(magnitudes)
