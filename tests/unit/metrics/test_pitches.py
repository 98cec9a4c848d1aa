"""Pitches of strings and voices that are made here, and of what has none."""

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from genkit.metrics.pitches import in_tune, pitch

RATE = 8000.0
SEMITONES = 110 * 2 ** (np.arange(24) / 12)


def string(frequency, generator, samples=4096):
    """Karplus and Strong's, by a filter: noise in a loop of a delay, a low pass, an all-pass for the rest of
    the period, and a loss; plucked anywhere, bright or dull."""
    blend = generator.uniform(0.1, 0.5)  # of the low pass, whose delay it is
    whole = int(RATE / frequency - blend - 0.3)
    rest = RATE / frequency - blend - whole
    allpass = (1 - rest) / (1 + rest)
    pluck = np.zeros(samples)
    pluck[:whole] = generator.uniform(-1, 1, whole)
    dull = generator.uniform(0, 0.8)
    pluck = lfilter([1 - dull], [1, -dull], pluck)
    place = max(1, int(generator.uniform(0.05, 0.45) * whole))
    pluck[place:] -= pluck[:-place].copy()
    loop = generator.uniform(0.99, 0.9999) * np.convolve([1 - blend, blend], [allpass, 1])
    feedback = np.zeros(whole + 3)
    feedback[:2] = 1, allpass
    feedback[whole:] -= loop
    sound = lfilter([1, allpass], feedback, pluck)
    return sound / np.abs(sound).max()


def strings(frequencies, seed=0):
    generator = np.random.default_rng(seed)
    return np.stack([string(frequency, generator) for frequency in frequencies])[:, None]


def cents(found, frequencies):
    return np.abs(1200 * np.log2(np.asarray(found) / frequencies))


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3])
def test_strings_of_two_octaves_are_in_tune(noise):
    frequencies = np.repeat(SEMITONES, 8)
    given = strings(frequencies)
    loudness = np.sqrt((given**2).mean(2, keepdims=True))
    given = given + noise * loudness * np.random.default_rng(1).normal(size=given.shape)
    assert np.median(cents(pitch(given, RATE), frequencies)) < 3
    assert in_tune(given, RATE, frequencies).double().mean() >= 0.99


def test_bits_are_as_floats():
    given = strings(SEMITONES[:6])
    bits = np.round(given * 32767).astype(np.int16)
    np.testing.assert_allclose(pitch(bits, RATE), pitch(given, RATE), rtol=1e-3)
    torch.testing.assert_close(pitch(torch.from_numpy(bits), RATE), pitch(bits, RATE))


@pytest.mark.parametrize("frequency", [55.0, 101.3, 220.0, 440.0, 523.25, 831.0, 987.8])
@pytest.mark.parametrize("harmonics", [[1], [1, 0.5, 0.3], [0.2, 1, 0.1, 0.6], [0, 1, 1, 1], [1, 0, 1]])
def test_harmonics_have_the_pitch_of_their_fundamental(frequency, harmonics):
    """Also where it is weaker than others, or missing."""
    time = np.arange(4096) / RATE
    heard = [(k + 1, height) for k, height in enumerate(harmonics) if (k + 1) * frequency < RATE / 2]
    if sum(height > 0 for _, height in heard) < min(2, sum(height > 0 for height in harmonics)):
        pytest.skip("of these harmonics the rate holds one")
    sound = sum(height * np.sin(2 * np.pi * k * frequency * time + k) for k, height in heard)
    given = (sound * np.exp(-3 * time)).reshape(1, 1, -1)
    assert cents(pitch(given, RATE), frequency) < 5


def test_half_a_semitone_is_the_limit():
    frequencies = np.repeat(SEMITONES[:12], 2)
    given = strings(frequencies * 2 ** (np.tile([40, -40], 12) / 1200))
    assert in_tune(given, RATE, frequencies).all()
    beside = strings(frequencies * 2 ** (np.tile([60, -60], 12) / 1200))
    assert not in_tune(beside, RATE, frequencies).any()
    assert in_tune(beside, RATE, frequencies, cents=70).all()


def test_an_octave_is_another_pitch():
    frequencies = SEMITONES[:12]
    given = strings(frequencies)
    assert in_tune(given, RATE, frequencies).all()
    assert not in_tune(given, RATE, 2 * frequencies).any()
    assert not in_tune(given, RATE, frequencies / 2).any()


def test_what_has_no_pitch_has_no_number():
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(40, 1, 4096)) / 4
    nothing = np.zeros((2, 1, 4096))
    constant = np.full((2, 1, 4096), 0.3)
    click = np.zeros((1, 1, 4096))
    click[0, 0, 700] = 1
    for given in (noise, nothing, constant, click, nothing.astype(np.int16), nothing[:, :, :1]):
        assert pitch(given, RATE).isnan().all()
        assert not in_tune(given, RATE, np.full(len(given), 220.0)).any()
    assert pitch(nothing[:0], RATE).shape == in_tune(nothing[:0], RATE, []).shape == (0,)


def test_a_sound_is_heard_by_itself_and_channels_together():
    given = strings(SEMITONES[:5])
    whole = pitch(given, RATE)
    assert torch.equal(pitch(given[2:3], RATE), whole[2:3])
    with_silence = np.concatenate((np.zeros_like(given), given), axis=1)
    torch.testing.assert_close(pitch(with_silence, RATE), whole)
    louder = pitch(given / 100 + 0.2, RATE)  # neither loudness nor a constant is pitch
    torch.testing.assert_close(louder, whole)


def test_the_range_is_kept_to():
    given = strings([220.0])
    assert pitch(given, RATE).item() == pytest.approx(220, rel=0.01)
    assert pitch(given, RATE, high=150.0).item() == pytest.approx(110, rel=0.01)  # two periods are one, too
    assert pitch(given, RATE, low=300.0).isnan().all() or pitch(given, RATE, low=300.0).item() > 290
    assert pitch(given[:, :, ::2], RATE / 2).item() == pytest.approx(220, rel=0.01)
