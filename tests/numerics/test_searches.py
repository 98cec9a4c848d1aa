"""The expected best of n trials against an enumeration and against distributions with a known answer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from genkit import statistics


@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_it_is_the_mean_over_all_choices(direction):
    values = np.random.default_rng(0).normal(size=7).tolist()
    best = min if direction == "lower" else max
    for n, found in enumerate(statistics.expected_best(values, direction), 1):
        assert found == pytest.approx(np.mean([best(some) for some in itertools.combinations(values, n)]))


def test_of_uniform_trials_it_is_unbiased():
    """The largest of n uniform numbers is n / (n + 1) on average."""
    rng, rounds = np.random.default_rng(1), 3_000
    found = np.array(
        [statistics.expected_best(rng.uniform(size=8).tolist(), "higher") for _ in range(rounds)]
    )
    known = np.arange(1, 9) / np.arange(2, 10)
    error = found.std(0, ddof=1) / rounds**0.5
    assert (abs(found.mean(0) - known) < 4 * error).all()


def test_failed_trials_are_the_worst():
    values = [3.0, None, 1.0, None]
    found = statistics.expected_best(values, "lower")
    worst = [9e9 if value is None else value for value in values]
    assert found[:2] == [None, None]
    assert found[2] == pytest.approx(np.mean([min(some) for some in itertools.combinations(worst, 3)]))
    assert found[3] == 1.0
    assert statistics.expected_best([None], "lower") == [None]
    assert statistics.expected_best([], "lower") == []


def test_many_trials_do_not_overflow():
    values = np.random.default_rng(2).normal(size=1_000).tolist()
    found = statistics.expected_best(values, "lower")
    assert found[0] == pytest.approx(np.mean(values))
    assert found[-1] == min(values)
    assert all(a >= b for a, b in itertools.pairwise(found))


def test_a_direction_is_one_of_two():
    with pytest.raises(ValueError, match="lower or higher"):
        statistics.expected_best([1.0], "up")
