"""How often verdicts are wrong where the truth is known; experiments/004_intervals has the larger figures."""

from __future__ import annotations

import numpy as np
import pytest

from genkit import statistics
from genkit.statistics.signs import sign_test


def arm(values):
    """Values by seed; nan is a training that failed."""
    return {seed: None if np.isnan(value) else float(value) for seed, value in enumerate(values)}


def compared(x, y):
    return statistics.compare(("a", arm(x)), ("b", arm(y)), "lower")


@pytest.mark.parametrize(("n", "rounds"), [(12, 500), (20, 120)])
def test_equal_arms_that_diverge_at_random_are_told_apart_in_at_most_five_per_cent(n, rounds):
    rng, wrong = np.random.default_rng(n), 0
    for _ in range(rounds):
        common = rng.normal(size=n)
        x, y = (np.where(rng.random(n) < 0.3, np.nan, common + rng.normal(size=n)) for _ in range(2))
        wrong += compared(x, y).significant
    assert wrong / rounds <= 0.05 + 2 * (0.05 * 0.95 / rounds) ** 0.5


@pytest.mark.parametrize(("n", "rounds"), [(12, 300), (20, 80)])
def test_an_arm_that_loses_its_worst_third_is_never_called_better(n, rounds):
    """By the mean of those that are left it would be, in a fifth of such studies and more."""
    rng, better, by_survivors = np.random.default_rng(n), 0, 0
    for _ in range(rounds):
        x, y = rng.normal(size=(2, n))
        x[np.argsort(x)[-(n // 3) :]] = np.nan
        found = compared(x, y)
        better += found.significant and found.better == "a"
        left = np.isfinite(x)
        by_survivors += sign_test((x - y)[left])[0] <= 0.05 and (x - y)[left].mean() < 0
    assert better / rounds <= 0.025
    assert by_survivors / rounds > 0.1


def test_one_exploding_seed_of_sixteen_names_no_winner_against_the_others():
    rng, rounds, named_b = np.random.default_rng(0), 60, 0
    for _ in range(rounds):
        a, b = rng.normal(1.0, 0.3, 16), rng.normal(1.5, 0.3, 16)
        a[rng.integers(16)] += rng.uniform(10, 60)
        found = compared(a, b)
        named_b += found.significant and found.better == "b"
        assert found.significant is not (found.low <= 0 <= found.high)
    assert named_b == 0


def test_five_looks_find_no_more_than_five_per_cent_where_they_are_declared():
    rng, rounds, plain, shared = np.random.default_rng(0), 2_000, 0, 0
    for _ in range(rounds):
        x = rng.normal(size=14)
        p = np.array([sign_test(x[:n])[0] for n in (6, 8, 10, 12, 14)])
        plain += (p <= 0.05).any()
        shared += (5 * p <= 0.05).any()
    assert shared / rounds <= 0.05
    assert plain / rounds > 0.08  # what is not corrected finds too much


@pytest.mark.parametrize("n", [3, 8])
def test_intervals_of_shares_and_positive_quantities_hold_more_than_students(n):
    rng, rounds = np.random.default_rng(n), 1_500
    cases = (
        (statistics.SHARE, rng.beta(1, 9, (rounds, n)), 0.1),
        (statistics.POSITIVE, rng.exponential(size=(rounds, n)), 1.0),
    )
    for within, drawn, mean in cases:
        held = {}
        for name, used in (("bent", within), ("plain", statistics.ANY)):
            ends = [statistics.confidence_interval(x, within=used)[:2] for x in drawn]
            held[name] = np.mean([low <= mean <= high for low, high in ends])
            if name == "bent":
                assert all(within.low < low < high < within.high for low, high in ends)
        assert 0.92 <= held["bent"] <= 0.97
        assert held["plain"] < held["bent"]


def test_the_interval_of_the_probability_of_improvement_holds_it():
    for effect, truth in ((0.0, 0.5), (1.5, 0.8556)):
        rng, rounds, held = np.random.default_rng(1), 400, 0
        for _ in range(rounds):
            found = compared(rng.normal(-effect, 1, 8), rng.normal(0, 1, 8))
            held += found.improvement_low <= truth <= found.improvement_high
        assert 0.92 <= held / rounds <= 0.985
