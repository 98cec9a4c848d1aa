"""Extractors of sounds: what they hear of clips, what they are deaf to, what they refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.io.wavfile
import scipy.signal
import torch
from scipy.fft import rfft
from torch import nn

from genkit.core.media.audio import AUDIO, DIGITS
from genkit.core.spec import ArraySpec
from genkit.metrics import bundled
from genkit.metrics.extractors import extractor, wrapped
from genkit.metrics.features import collect
from genkit.metrics.hearing import Cochleagram, full, loudest, triangles
from genkit.system.errors import CheckpointError, ConfigError, DataError


def clips(n: int, samples: int = 4096, seed: int = 0, channels: int = 1) -> torch.Tensor:
    """Tones of falling loudness in noise, int16."""
    generator = np.random.default_rng(seed)
    time = np.arange(samples) / 8000
    pitch = generator.uniform(100, 2000, (n, channels, 1))
    waves = np.sin(2 * np.pi * pitch * time) * np.exp(-4 * time) + generator.normal(0, 0.02, (n, 1, samples))
    return torch.from_numpy((waves * 12_000).astype(np.int16))


def recordings(folder, *, indices=range(5), digits=range(10)) -> tuple[torch.Tensor, np.ndarray]:
    """Of the published test part of FSDD, 4,096 samples each."""
    found, labels = [], []
    for digit in digits:
        for file in sorted((folder / "fsdd" / "recordings").glob(f"{digit}_*.wav")):
            if int(file.stem.split("_")[2]) in indices:
                wave = scipy.io.wavfile.read(file)[1][:4096]
                found.append(np.pad(wave, (0, 4096 - len(wave))))
                labels.append(digit)
    return torch.from_numpy(np.stack(found)[:, None]), np.array(labels)


@pytest.mark.parametrize("name", ["spoken_digits", "random_ear"])
@pytest.mark.parametrize(("channels", "samples"), [(1, 4096), (2, 4096), (1, 300), (1, 9000)])
def test_it_takes_any_clip_in_batches_of_any_size(name, channels, samples):
    made = extractor(name)
    waves = clips(7, samples, channels=channels)
    whole = made.features(waves)
    assert whole.shape == (7, made.size)
    parts = torch.cat([made.features(part) for part in waves.split(3)])
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(whole, made.features(waves.double() / 32768), rtol=1e-5, atol=1e-5)


def test_silence_and_a_constant_have_features():
    for name in ("spoken_digits", "random_ear"):
        for value in (0, 1, -32768, 32767):
            waves = torch.full((2, 1, 4096), value, dtype=torch.int16)
            assert extractor(name).features(waves).isfinite().all()


def test_the_bundled_network_is_small_and_says_what_it_is():
    made = extractor("spoken_digits")
    raw = (bundled.files("genkit.metrics") / bundled.SPOKEN_DIGITS_WEIGHTS).read_bytes()
    assert len(raw) <= 1_000_000
    assert made.speech
    assert made.protocol["extractor"] == "spoken_digits"
    assert "8000 Hz" in made.resizer
    assert made.fits(DIGITS)
    assert not made.fits(["C4", "D4"])
    assert not extractor("random_ear").fits(DIGITS)


def test_changed_weights_are_refused(monkeypatch):
    monkeypatch.setattr(bundled, "SPOKEN_DIGITS_SHA256", "0" * 64)
    with pytest.raises(CheckpointError, match=r"spoken_digits\.safetensors has SHA-256"):
        extractor("spoken_digits")


def test_the_bundled_network_knows_spoken_digits_at_any_level_rate_and_place(data_dir):
    waves, labels = recordings(data_dir)
    made = extractor("spoken_digits")

    def right(given: torch.Tensor, rate: float = 8000.0) -> float:
        probabilities = collect(replace(made, given=rate), given.split(100)).probabilities
        assert probabilities is not None
        return float(np.mean(probabilities.argmax(1).numpy() == labels))

    assert right(waves) >= 0.98
    assert right((waves // 8).to(torch.int16)) >= 0.98  # (the faintest are of some 20 steps then)
    assert right(torch.cat([waves, torch.zeros_like(waves)], 1) // 2 * 2) >= 0.98
    both = scipy.signal.resample_poly(waves.double().numpy(), 2, 1, axis=-1).clip(-32768, 32767)
    assert right(torch.from_numpy(both.astype(np.int16)), 16_000.0) >= 0.98
    second = torch.nn.functional.pad(waves, (2200, 1704))  # as the middle of a second
    assert right(second) >= 0.97


def test_of_a_long_clip_the_loudest_stretch_is_heard_and_a_short_one_ends_in_silence():
    quiet = torch.randn(3, 20_000, generator=torch.Generator().manual_seed(0)) * 0.01
    loud = torch.randn(3, 1000, generator=torch.Generator().manual_seed(1))
    for row, start in enumerate((0, 7001, 19_000)):
        quiet[row, start : start + 1000] = loud[row]
    assert torch.equal(loudest(quiet, 1000), loud)
    short = torch.ones(1, 7)
    assert loudest(short, 10).tolist() == [[1.0] * 7 + [0.0] * 3]
    assert full(torch.tensor([[0.0, -0.25, 0.125], [0.0, 0.0, 0.0]])).tolist() == [[0, -1, 0.5], [0, 0, 0]]


def test_what_a_network_hears_is_the_power_of_each_band_by_another_transform():
    waves = clips(2, 4096).float()[:, 0] / 32768
    heard = Cochleagram(8000.0, window=256, hop=128, bands=40)(waves)
    assert heard.shape == (2, 1, 40, 33)
    # By SciPy, one frame: the tenth is centred at 10 · 128.
    window = scipy.signal.get_window("hann", 256)
    frame = waves[1, 1280 - 128 : 1280 + 128].double().numpy() * window
    power = triangles(40, 256, 8000.0).double().numpy() @ (np.abs(rfft(frame)) ** 2)
    np.testing.assert_allclose(heard[1, 0, :, 10].numpy(), 10 * np.log10(power), atol=1e-2)


def test_a_tone_is_in_the_band_that_has_its_frequency_and_bands_are_as_wide_in_mel():
    weights = triangles(40, 256, 8000.0)
    assert torch.allclose(weights.sum(1), torch.ones(40))
    # HTK's mel: 1127 ln(1 + f / 700).
    edges = 700 * np.expm1(np.linspace(0, 1127.01048 * np.log1p(4000 / 700), 42) / 1127.01048)
    heard = Cochleagram(8000.0, window=256, hop=128, bands=40)
    for band in (8, 20, 33):
        tone = torch.sin(2 * torch.pi * torch.arange(4096) * float(edges[band + 1]) / 8000)[None]
        assert int(heard(tone)[0, 0, :, 16].argmax()) == band


def test_the_untrained_ear_hears_loudness_and_the_bundled_network_does_not():
    waves = clips(4)
    half = (waves // 2).to(torch.int16)
    digits, ear = extractor("spoken_digits"), extractor("random_ear")
    near = (digits.features(waves) - digits.features(half)).abs().max()
    assert near < 0.02 * digits.features(waves).abs().max()
    assert (ear.features(waves) - ear.features(half)).abs().max() > 0.02


def test_who_reads_what_is_known_before_anything_is_measured():
    sounds = ArraySpec(1, (4096,), 65_536, DIGITS, AUDIO, 16_000.0)
    pictures = ArraySpec(1, (28, 28))
    assert extractor("spoken_digits").reading(sounds).given == 16_000.0
    plain = extractor("digits")
    assert plain.reading(pictures) is plain
    with pytest.raises(ConfigError, match="extractor=digits is of images, not of sounds; extractor=spoken_d"):
        extractor("digits").reading(sounds)
    with pytest.raises(ConfigError, match="is of sounds, not of images; extractor=digits does"):
        extractor("spoken_digits").reading(pictures)


def test_the_extractor_that_sounds_suggest():
    assert AUDIO.extractor(ArraySpec(1, (4096,), 65_536, DIGITS, AUDIO, 8000.0)) == "spoken_digits"
    assert AUDIO.extractor(ArraySpec(1, (4096,), 65_536, ("A2", "B2"), AUDIO, 8000.0)) == "random_ear"
    assert extractor("spoken_digits").classes == DIGITS


@pytest.mark.parametrize(
    ("waves", "words"),
    [
        (torch.zeros(2, 4096), r"arrays over 1 axes are needed, not a tensor of shape \(2, 4096\)"),
        (torch.full((1, 1, 8), float("nan")), "sounds hold NaN"),
        (torch.full((1, 1, 8), 3.0), r"floats in \[-1, 1\]; these reach 3 … 3"),
        (torch.zeros(1, 1, 8, dtype=torch.uint8), "sounds are int16 or floats"),
    ],
)
def test_what_are_no_sounds_is_refused(waves, words):
    with pytest.raises(DataError, match=words):
        extractor("spoken_digits").both(waves)


class Peaks(nn.Module):
    """What another distribution would offer for sounds: the highest and the lowest value of a clip."""

    axes, rate, speech, classes = 1, 4000, True, ("up", "down")

    def forward(self, waves):
        ends = torch.stack([waves.amax((1, 2)), waves.amin((1, 2))], 1)
        return ends, ends


def test_a_module_of_ones_own_is_given_clips_at_its_own_rate():
    made = wrapped("peaks", Peaks())
    assert (made.size, made.rate, made.speech, made.classes) == (2, 4000.0, True, ("up", "down"))
    at = made.reading(ArraySpec(1, (800,), 65_536, (), AUDIO, 8000.0))
    tone = torch.sin(2 * torch.pi * torch.arange(800) * 3000 / 8000)[None, None] * 0.5  # above half its rate
    assert at.features(tone).abs().max() < 0.1
    assert made.features(tone).abs().max() > 0.4
