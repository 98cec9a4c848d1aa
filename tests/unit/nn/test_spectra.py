"""The distance of sounds by their spectra: against numpy, by its derivative, and where there is nothing."""

import numpy as np
import pytest
import torch

from genkit.nn.spectra import FLOOR, WINDOWS, magnitudes, spectral_distance


def sounds(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, shape))


def by_numpy(made, wanted, windows):
    """One sound, (C, T), frame by frame."""

    def of(sound, window):
        taper = np.sin(np.pi * np.arange(window) / window) ** 2
        around = np.pad(sound, ((0, 0), (window // 2, window // 2)))
        starts = range(0, around.shape[1] - window + 1, window // 4)
        return np.array([np.abs(np.fft.rfft(around[:, s : s + window] * taper)) * 4 / window for s in starts])

    total = 0.0
    for window in windows:
        y, x = of(made, window), of(wanted, window)
        total += np.sqrt(((y - x) ** 2).sum()) / np.sqrt((x**2).sum())
        total += np.mean(np.abs(np.log(np.maximum(y, FLOOR)) - np.log(np.maximum(x, FLOOR))))
    return total / len(windows)


@pytest.mark.parametrize("shape", [(3, 1, 1000), (2, 2, 4096), (2, 1, 40)])
def test_it_is_the_formula_by_numpy(shape):
    made, wanted = sounds(*shape), sounds(*shape, seed=1)
    expected = [by_numpy(y, x, WINDOWS) for y, x in zip(made.numpy(), wanted.numpy(), strict=True)]
    np.testing.assert_allclose(spectral_distance(made, wanted).numpy(), expected, rtol=1e-9)


def test_its_gradient_is_that_of_differences():
    made, wanted = sounds(2, 1, 70), sounds(2, 1, 70, seed=1)
    made.requires_grad_()
    assert torch.autograd.gradcheck(lambda y: spectral_distance(y, wanted, (32, 16)), made)


def test_a_sine_at_full_scale_has_the_magnitude_one():
    sine = torch.sin(2 * torch.pi * torch.arange(1024) * 8 / 64)[None, None]
    for window in (64, 128, 256):
        assert magnitudes(sine, window)[0, 0, 8 * window // 64, 8:-8] == pytest.approx(1.0, abs=1e-4)


def test_equal_sounds_are_at_no_distance():
    same = sounds(2, 1, 500).requires_grad_()
    distance = spectral_distance(same, same.detach())
    assert distance.tolist() == [0, 0]
    distance.sum().backward()
    assert same.grad.isfinite().all()


@pytest.mark.parametrize("scale", [0.0, 1e-7, 1.0])
def test_silence_divides_by_nothing_and_has_finite_gradients(scale):
    silence, made = torch.zeros(2, 1, 600), (scale * sounds(2, 1, 600)).float().requires_grad_()
    for distance in (spectral_distance(made, silence), spectral_distance(silence + 0 * made, made.detach())):
        distance.sum().backward()
        assert distance.isfinite().all()
        assert made.grad.isfinite().all()
    if scale < FLOOR:  # what is 140 dB below full scale is silence
        assert distance.max() < 0.01


def test_what_stands_beside_a_sound_does_not_matter():
    made, wanted = sounds(5, 1, 900).float(), sounds(5, 1, 900, seed=1).float()
    whole = spectral_distance(made, wanted)
    torch.testing.assert_close(spectral_distance(made[2:3], wanted[2:3]), whole[2:3])


def test_no_phase_is_asked_for():
    """A tone a quarter of a period later is another signal and the same sound; an octave higher is not."""
    turns = 2 * torch.pi * torch.arange(4096) / 8000
    tone, later, octave = (
        torch.sin(f * turns + shift)[None, None] for f, shift in ((400, 0), (400, 1.57), (800, 0))
    )
    near, far = spectral_distance(later, tone), spectral_distance(octave, tone)
    assert near < 0.1 * far


def test_narrow_numbers_are_widened():
    made, wanted = sounds(1, 1, 300), sounds(1, 1, 300, seed=1)
    narrow = spectral_distance(made.bfloat16(), wanted.bfloat16())
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow, spectral_distance(made, wanted).float(), rtol=0.02, atol=0)
