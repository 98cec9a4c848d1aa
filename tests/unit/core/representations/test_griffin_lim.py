"""Phases of given magnitudes: against torch step by step, and how near a signal comes to them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from genkit.core.representations.fourier import ShortTimeFourier
from genkit.core.representations.griffin_lim import griffin_lim


def phases(fourier, seed=0):
    return np.exp(2j * np.pi * np.random.default_rng(seed).random((fourier.frames, fourier.bins)))


def voices(count, samples, seed=0):
    """Gliding harmonics with a decay: of many frequencies and few phases, as voices are."""
    generator, time = np.random.default_rng(seed), np.arange(samples) / 8000
    for _ in range(count):
        pitch = generator.uniform(90, 250) * (1 + generator.uniform(-0.5, 0.5) * time)
        turns = 2 * np.pi * np.cumsum(pitch) / 8000
        heights = generator.random(12) / np.arange(1, 13)
        tone = sum(height * np.sin((k + 1) * turns) for k, height in enumerate(heights))
        tone = tone * np.exp(-3 * time) + 0.01 * generator.normal(size=samples)
        yield tone / np.abs(tone).max()


def of_torch(magnitudes, start, samples, window, hop, iterations, momentum):
    """Perraudin's three lines, on a fold and an unfold of torch; all frames' spectra stand in columns."""
    taper = torch.hann_window(window, dtype=torch.float64)
    frames, front = magnitudes.shape[1], (window - hop) // 2
    length = (frames - 1) * hop + window

    def fold(columns):
        shape = {"output_size": (1, length), "kernel_size": (1, window), "stride": (1, hop)}
        return F.fold(columns[None], **shape)[0, 0, 0]

    squares = fold(taper.square()[:, None].expand(window, frames))

    def signal(spectrum):
        whole = fold(torch.fft.irfft(spectrum, n=window, dim=0) * taper[:, None])
        return (whole / squares)[front : front + samples]

    def transform(x):
        around = F.pad(x, (front, length - front - samples))
        return torch.fft.rfft(around.unfold(0, window, hop).T * taper[:, None], dim=0)

    c, t_before = torch.polar(magnitudes, start.angle()), None
    for _ in range(iterations):
        t = transform(signal(c))
        c = t if t_before is None else t + momentum * (t - t_before)
        c, t_before = torch.polar(magnitudes, c.angle()), t
    return signal(c)


@pytest.mark.parametrize("momentum", [0.0, 0.99])
@pytest.mark.parametrize(("samples", "window", "hop"), [(1024, 128, 64), (700, 100, 32)])
def test_each_step_is_that_of_torch(momentum, samples, window, hop):
    fourier = ShortTimeFourier(samples, window, hop)
    magnitudes = np.abs(fourier.forward(next(voices(1, samples))))
    start = phases(fourier)
    theirs = [torch.from_numpy(given.T.copy()) for given in (magnitudes, start)]
    for iterations in (0, 1, 2, 6):
        found = griffin_lim(fourier, magnitudes, start, iterations, momentum)
        expected = of_torch(*theirs, samples, window, hop, iterations, momentum)
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-8)


def convergence(fourier, signal, **options):
    """‖|X| - |X̂|‖ / ‖|X|‖ of what is found."""
    magnitudes = np.abs(fourier.forward(signal))
    found = griffin_lim(fourier, magnitudes, phases(fourier), **options)
    return np.linalg.norm(np.abs(fourier.forward(found)) - magnitudes) / np.linalg.norm(magnitudes)


def test_momentum_comes_nearer_in_as_many_steps():
    fourier = ShortTimeFourier(4096, 512, 128)
    fast = [convergence(fourier, voice) for voice in voices(12, 4096)]
    plain = [convergence(fourier, voice, momentum=0.0) for voice in voices(12, 4096)]
    assert np.mean(fast) < 0.6 * np.mean(plain)
    assert np.mean(fast) < 0.08


def test_and_on_recorded_digits(digits):
    """0.05 against 0.10 on average over the published test set."""
    clips, _, test = digits
    fourier = ShortTimeFourier(4096, 256, 128)
    spoken = clips[test][::10, 0] / 32768
    fast = np.mean([convergence(fourier, signal) for signal in spoken])
    plain = np.mean([convergence(fourier, signal, momentum=0.0) for signal in spoken])
    assert fast == pytest.approx(0.05, abs=0.01)
    assert plain == pytest.approx(0.10, abs=0.02)


def test_true_phases_are_kept():
    fourier = ShortTimeFourier(1024, 128, 32)
    signal = next(voices(1, 1024))
    spectrum = fourier.forward(signal)
    found = griffin_lim(fourier, np.abs(spectrum), np.exp(1j * np.angle(spectrum)))
    np.testing.assert_allclose(found, signal, atol=1e-6)


def test_silence_stays_silence():
    fourier = ShortTimeFourier(1000, 128, 64)
    nothing = np.zeros((fourier.frames, fourier.bins), np.float32)
    assert not griffin_lim(fourier, nothing, phases(fourier).astype(np.complex64)).any()
