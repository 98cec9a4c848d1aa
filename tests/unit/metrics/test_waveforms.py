"""Distances of sounds: against torchmetrics and scipy, by hand, and where one of the two is silent."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal as scipy_signal
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio, signal_noise_ratio

from genkit.metrics import waveforms
from genkit.system.errors import DataError

ALL = ("snr", "si_sdr", "spectral_convergence", "log_spectral", "multi_scale")
EACH = pytest.mark.parametrize("name", ALL)


def sounds(*shape, seed=0, scale=0.3):
    return scale * np.random.default_rng(seed).normal(size=shape)


def noisy(truth, decibels, seed=1):
    """With white noise that has exactly so many decibels less energy."""
    noise = np.random.default_rng(seed).normal(size=truth.shape)
    energies = [(part**2).sum((1, 2), keepdims=True) for part in (truth, noise)]
    return truth + noise * np.sqrt(energies[0] / energies[1]) * 10 ** (-decibels / 20)


def test_ratios_are_those_of_torchmetrics():
    truth = sounds(6, 1, 3000)
    made = 0.7 * noisy(truth, 12) + 0.01
    given, wanted = torch.from_numpy(made[:, 0]), torch.from_numpy(truth[:, 0])
    torch.testing.assert_close(waveforms.snr(made, truth), signal_noise_ratio(given, wanted))
    torch.testing.assert_close(
        waveforms.si_sdr(made, truth), scale_invariant_signal_distortion_ratio(given, wanted)
    )


@pytest.mark.parametrize("decibels", [-20.0, 0.0, 3.0, 40.0])
def test_a_ratio_is_the_one_that_noise_was_made_by(decibels):
    truth = sounds(3, 2, 4000)
    found = waveforms.snr(noisy(truth, decibels), truth)
    assert found.tolist() == pytest.approx([decibels] * 3)
    if decibels >= 3:
        louder = waveforms.si_sdr(5 * noisy(truth, decibels), truth)
        assert louder.tolist() == pytest.approx([decibels] * 3, abs=0.5)  # noise is nearly orthogonal


@pytest.mark.parametrize(("channels", "samples", "window"), [(1, 4096, 256), (2, 1500, 512), (1, 66, 128)])
def test_spectral_distances_are_those_of_scipy_s_transform(channels, samples, window):
    truth, made = sounds(3, channels, samples), sounds(3, channels, samples, seed=5)
    taper = np.sin(np.pi * np.arange(window) / window) ** 2

    def spectra(sound):
        hop = window // 4
        transform = scipy_signal.ShortTimeFFT(taper, hop, fs=1)
        return np.abs(transform.stft(sound, p0=0, p1=samples // hop + 1)) * 4 / window

    for i in range(3):
        x, y = spectra(truth[i]), spectra(made[i])
        converged = np.linalg.norm(x - y) / np.linalg.norm(x)
        logs = 20 * (np.log10(np.maximum(x, 1e-4)) - np.log10(np.maximum(y, 1e-4)))
        distance = np.sqrt((logs**2).mean(axis=1)).mean()
        alone = slice(i, i + 1)
        assert waveforms.spectral_convergence(made[alone], truth[alone], window).item() == pytest.approx(
            converged
        )
        assert waveforms.log_spectral(made[alone], truth[alone], window).item() == pytest.approx(distance)


def test_half_as_loud_is_six_decibels_away():
    truth = sounds(2, 1, 4096)
    assert waveforms.log_spectral(truth / 2, truth).tolist() == pytest.approx(
        [20 * math.log10(2)] * 2, abs=0.05
    )
    assert waveforms.spectral_convergence(truth / 2, truth).tolist() == pytest.approx([0.5] * 2)
    assert waveforms.snr(truth / 2, truth).tolist() == pytest.approx([20 * math.log10(2)] * 2)
    assert waveforms.si_sdr(truth / 2, truth).tolist() == [100, 100]


@EACH
def test_bits_and_floats_are_one(name):
    measure = getattr(waveforms, name)
    bits = [np.round(sounds(2, 1, 900, seed=seed).clip(-1, 1) * 32767).astype(np.int16) for seed in (0, 1)]
    floats = [part / 32768 for part in bits]
    torch.testing.assert_close(measure(*bits), measure(*floats))
    torch.testing.assert_close(measure(*map(torch.from_numpy, bits)), measure(*floats))


@EACH
def test_a_sound_is_measured_by_itself(name, monkeypatch):
    truth, made = sounds(7, 1, 800), sounds(7, 1, 800, seed=1)
    whole = getattr(waveforms, name)(made, truth)
    assert whole.shape == (7,)
    assert whole.dtype == torch.float64
    monkeypatch.setattr(waveforms, "AT_ONCE", 1600)  # two at a time
    torch.testing.assert_close(getattr(waveforms, name)(made, truth), whole)
    torch.testing.assert_close(getattr(waveforms, name)(made[3:4], truth[3:4]), whole[3:4])
    assert getattr(waveforms, name)(made[:0], truth[:0]).shape == (0,)


# What stands in the file's table: of equal sounds, a silent truth, a silent sound, two silent ones.
SILENCES = {
    "snr": (100, -100, 0, 100),
    "si_sdr": (100, -100, -100, 100),
    "spectral_convergence": (0, None, 1, 0),
    "log_spectral": (0, None, None, 0),
    "multi_scale": (0, None, None, 0),
}


@EACH
def test_silence(name):
    sound = sounds(1, 1, 2000).clip(-1, 1)
    silence, measure = 0 * sound, getattr(waveforms, name)
    pairs = ((sound, sound), (sound, silence), (silence, sound), (silence, silence))
    for (made, truth), expected in zip(pairs, SILENCES[name], strict=True):
        found = measure(made, truth).item()
        assert math.isfinite(found)
        if expected is None:
            assert 1 <= found <= (86 if name == "log_spectral" else 10_100)
        else:
            assert found == pytest.approx(expected, abs=1e-9)


@EACH
@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10**6), st.sampled_from([0.0, 1e-12, 1e-4, 1.0]), st.sampled_from([0.0, 1e-12, 1e-4, 1.0])
)
def test_nothing_is_infinite(name, seed, loudness, of_truth):
    made, truth = loudness * sounds(2, 1, 300, seed=seed), of_truth * sounds(2, 1, 300, seed=seed + 1)
    assert getattr(waveforms, name)(made, truth).isfinite().all()


def test_less_noise_is_better_by_every_measure():
    truth = sounds(4, 1, 4096)
    for name in ALL:
        values = [getattr(waveforms, name)(noisy(truth, level), truth) for level in (0, 10, 20, 30)]
        steps = torch.stack(values).diff(dim=0)
        assert (steps > 0).all() if name in ("snr", "si_sdr") else (steps < 0).all()


def test_what_is_silent():
    time = np.arange(4000) / 8000
    tone = np.sin(2 * np.pi * 300 * time)
    heights = [0, 1, 0.002, 0.001]
    given = np.stack([height * tone for height in heights] + [np.full(4000, 0.5)])[:, None]
    assert waveforms.silent(given).tolist() == [True, False, False, True, True]  # 0.001 / √2 is below -60 dB
    assert waveforms.silent(given, below=-50).tolist() == [True, False, True, True, True]
    bits = np.array([[[32767, -32768] * 8], [[35] * 16], [[20, -20] * 8]], np.int16)
    assert waveforms.silent(bits).tolist() == [False, True, True]
    one_channel = np.concatenate((given[:1], given[1:2]), axis=1)
    assert waveforms.silent(one_channel).tolist() == [False]


def test_what_is_clipped():
    time = np.arange(4000) / 8000
    tone = np.sin(2 * np.pi * 200 * time)
    bits = lambda x: np.round(x * 32767).clip(-32768, 32767).astype(np.int16)  # noqa: E731
    assert not waveforms.clipped(bits(tone)[None, None]).any()  # its peaks are at full scale, one sample each
    assert waveforms.clipped(bits(1.5 * tone)[None, None]).tolist() == [True]
    assert waveforms.clipped((1.5 * tone).clip(-1, 1)[None, None]).tolist() == [True]
    assert waveforms.clipped(bits(1.5 * tone).clip(-32768, 20000)[None, None]).tolist() == [
        True
    ]  # at one end
    assert not waveforms.clipped(bits(1.5 * tone).clip(-20000, 20000)[None, None]).any()
    alternating = np.array([[[32767, -32768] * 50]], np.int16)
    assert not waveforms.clipped(alternating).any()  # each end has one in a row
    runs = np.array([[[0, 32767, 32767, 0, 32767, 32767, 32767, 0]]], np.int16)
    assert waveforms.clipped(runs).tolist() == [True]
    assert waveforms.clipped(runs[:, :, :6]).tolist() == [False]
    assert waveforms.clipped(runs[:, :, :2]).tolist() == [False]
    second = np.concatenate((np.zeros_like(runs), -runs), axis=1)
    assert waveforms.clipped(second).tolist() == [True]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((2, 10), np.int16), r"int16 \(2, 10\)"),
        (np.zeros((2, 1, 10), np.uint8), r"uint8 \(2, 1, 10\)"),
        (np.zeros((2, 1, 10), np.int32), r"int32 \(2, 1, 10\)"),
        (np.full((2, 1, 10), np.nan), "not finite"),
        (np.zeros((2, 1, 9)), r"\(2, 1, 9\) beside \(2, 1, 10\)"),
    ],
)
def test_what_is_no_sound_is_refused(given, said):
    with pytest.raises(DataError, match=said) as refused:
        waveforms.snr(given, np.zeros((2, 1, 10)))
    assert "\n" not in str(refused.value)
