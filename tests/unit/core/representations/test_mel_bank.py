"""Bands of hearing: the published formula, written out; sums to one; the way back against a solver."""

import math

import numpy as np
import pytest
from scipy.optimize import nnls

from genkit.core.representations.mel_bank import MelBank, hertz, mel

BANKS = [(8000.0, 256, 32, 0.0, 4000.0), (8000.0, 320, 40, 60.0, 3800.0), (22050.0, 1024, 80, 0.0, 8000.0)]


def test_mel_as_it_is_published():
    assert mel(np.array([0.0, 1000.0])) == pytest.approx(
        [0, 1000], abs=0.02
    )  # by definition, rounded constants
    natural = [1127 * math.log(1 + f / 700) for f in (100, 440, 4000, 8000)]  # HTK's other writing
    assert mel(np.array([100.0, 440, 4000, 8000])) == pytest.approx(natural, rel=1e-4)
    frequencies = np.linspace(0, 20000, 101)
    np.testing.assert_allclose(hertz(mel(frequencies)), frequencies, atol=1e-8)


@pytest.mark.parametrize(("rate", "window", "bands", "low", "high"), BANKS)
def test_triangles_by_the_book(rate, window, bands, low, high):
    """Each weight from its own three corners, one by one."""
    ends = [2595 * math.log10(1 + f / 700) for f in (low, high)]
    corners = [
        700 * (10 ** ((ends[0] + (ends[1] - ends[0]) * i / (bands + 1)) / 2595) - 1) for i in range(bands + 2)
    ]
    weights = MelBank(rate, window, bands, low, high).weights
    assert weights.shape == (bands, window // 2 + 1)
    for band in range(bands):
        left, top, right = corners[band : band + 3]
        for k in range(window // 2 + 1):
            f = k * rate / window
            expected = 0.0
            if left < f <= top:
                expected = (f - left) / (top - left)
            elif top < f < right:
                expected = (right - f) / (right - top)
            assert weights[band, k] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("rate", "window", "bands", "low", "high"), BANKS)
def test_between_the_outer_centres_they_sum_to_one(rate, window, bands, low, high):
    bank = MelBank(rate, window, bands, low, high)
    bins = np.arange(window // 2 + 1) * rate / window
    inside = (bins >= bank.centres[0]) & (bins <= bank.centres[-1])
    assert inside.sum() > bands
    np.testing.assert_allclose(bank.weights.sum(0)[inside], 1, atol=1e-9)
    assert np.all(bank.weights.sum(0) <= 1 + 1e-9)
    assert np.all(np.diff(mel(bank.centres)) == pytest.approx(np.diff(mel(bank.centres))[0]))


def test_the_way_back_is_nowhere_negative_and_near_what_a_solver_finds():
    """Lawson and Hanson's non-negative least squares, of sums that magnitudes can have and of any others."""
    bank, generator = MelBank(8000.0, 256, 32, 0.0, 4000.0), np.random.default_rng(0)
    possible = bank.forward(generator.exponential(size=(30, 129)) * np.exp(-np.arange(129) / 30))
    for banded in (possible, generator.exponential(size=(30, 32))):
        found = bank.back(banded)
        assert found.min() >= 0
        cut = (banded @ np.linalg.pinv(bank.weights).T).clip(0)
        sizes = np.linalg.norm(banded, axis=1)
        best = np.array([nnls(bank.weights, target)[1] for target in banded]) / sizes
        missed, missed_before = (
            np.linalg.norm(m @ bank.weights.T - banded, axis=1) / sizes for m in (found, cut)
        )
        assert np.all(missed <= best + 0.1)
        assert (missed - best).mean() < 0.6 * (missed_before - best).mean()


def test_nothing_comes_of_nothing():
    bank = MelBank(8000.0, 256, 32, 0.0, 4000.0)
    assert not bank.back(np.zeros((3, 32))).any()


def test_what_no_band_hears_stays_silent():
    bank = MelBank(8000.0, 256, 20, 300.0, 3000.0)
    back = bank.back(np.ones((1, 20)))[0]
    bins = np.arange(129) * 8000 / 256
    assert not back[(bins <= 300) | (bins >= 3000)].any()
    assert back[(bins > 400) & (bins < 2500)].all()
