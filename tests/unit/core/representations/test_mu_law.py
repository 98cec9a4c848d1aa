"""μ-law levels: the closed formula, sample by sample; what comes back; what is no such representation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genkit.core.representations import representation_from_dict
from genkit.core.representations.mu_law import MuLaw

LEVELS = pytest.mark.parametrize("levels", [64, 256])
SAMPLES = np.arange(-32768, 32768).astype(np.int16)


@LEVELS
@given(st.integers(-32768, 32767))
def test_a_level_by_the_formula(levels, sample):
    x, mu = sample / 32768, levels - 1
    companded = math.copysign(math.log(1 + mu * abs(x)) / math.log(1 + mu), x)
    exact = (companded + 1) / 2 * mu
    found = MuLaw(levels).forward(np.array([[[sample]]], np.int16))
    assert found.dtype == np.uint8
    assert abs(int(found.item()) - exact) <= 0.5 + 1e-9


@LEVELS
@given(st.floats(0, 1))
def test_a_sample_by_the_inverse_formula(levels, unit):
    y, mu = 2 * unit - 1, levels - 1
    x = math.copysign(((1 + mu) ** abs(y) - 1) / mu, y)
    found = MuLaw(levels).back(np.array([[[unit]]]))
    assert found.dtype == np.int16
    step = 2e-3 / mu * math.log(1 + mu) * (1 + mu) / mu * 32768  # a level nearby is taken for itself
    assert abs(int(found.item()) - min(32767, x * 32768)) <= 0.5 + step


@pytest.mark.parametrize("levels", [4, 16, 64, 255, 256])
def test_levels_come_back_as_they_were(levels):
    every, mu_law = np.arange(levels, dtype=np.uint8).reshape(1, 1, -1), MuLaw(levels)
    for precision in (np.float32, np.float64):
        back = mu_law.back((every / (levels - 1)).astype(precision))
        assert np.array_equal(mu_law.forward(back), every)
        assert np.array_equal(back, mu_law.back(every / (levels - 1)))
    assert np.all(np.diff(back[0, 0].astype(int)) > 0)


@LEVELS
def test_samples_come_back_as_the_nearest_but_for_companding(levels):
    """Within what lies between the samples of the levels below and above."""
    mu_law = MuLaw(levels)
    back = mu_law.back(mu_law.forward(SAMPLES.reshape(1, 1, -1)) / (levels - 1)).astype(int)[0, 0]
    values = np.unique(back)
    assert len(values) == levels
    assert np.all(np.diff(back) >= 0)
    place = np.searchsorted(values, back)
    assert np.all(values[np.maximum(place - 1, 0)] <= SAMPLES)
    assert np.all(values[np.minimum(place + 1, levels - 1)] >= SAMPLES)


@LEVELS
def test_what_is_turned_over_has_the_mirrored_levels(levels):
    above = MuLaw(levels).forward(SAMPLES[32769:].reshape(1, 1, -1))
    below = MuLaw(levels).forward(-SAMPLES[32769:].reshape(1, 1, -1))
    assert np.array_equal(below, levels - 1 - above)


def test_silence_is_almost_silence():
    silence = np.zeros((1, 1, 9), np.int16)
    assert np.unique(MuLaw(64).back(MuLaw(64).forward(silence) / 63)).tolist() == [35]
    assert np.unique(MuLaw(256).back(MuLaw(256).forward(silence) / 255)).tolist() == [3]


@pytest.mark.parametrize(("levels", "decibels"), [(64, 28.0), (256, 38.0)])
def test_noise_of_recorded_digits(levels, decibels, digits):
    clips, _, _ = digits
    mu_law = MuLaw(levels)
    back = mu_law.back(mu_law.forward(clips) / (levels - 1))
    noise = back.astype(float) - clips
    ratio = 10 * np.log10((clips.astype(float) ** 2).sum() / (noise**2).sum())
    assert ratio == pytest.approx(decibels, abs=0.1)


def test_its_sizes_are_those_of_the_clip():
    assert MuLaw().sizes((4096,)) == MuLaw().native((4096,)) == (4096,)
    for call in (MuLaw().sizes, MuLaw().native):
        with pytest.raises(ValueError, match="along one axis"):
            call((28, 28))


def test_it_is_plain_data():
    for levels in (64, 256):
        assert representation_from_dict(MuLaw(levels).to_dict()) == MuLaw(levels)


@pytest.mark.parametrize("levels", [0, -1, 3, 257, 2**70, 64.5, "64", True, None, [64], math.nan])
def test_levels_that_there_are_not(levels):
    with pytest.raises(ValueError, match="levels") as refused:
        representation_from_dict({"name": "mu_law", "levels": levels})
    assert "\n" not in str(refused.value)
