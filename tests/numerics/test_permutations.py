"""Permutation tests against scipy's, and Holm's correction over the comparisons of several blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from genkit import statistics
from genkit.statistics.permutations import least_p, permutation_test


@pytest.mark.parametrize(("n", "gap"), [(3, 5.0), (5, 0.8), (8, 1.2), (8, 0.0)])
def test_permutations_are_those_of_scipy(n, gap):
    rng = np.random.default_rng(n)
    x, y = rng.normal(gap, 1, n), rng.normal(0, 1, n)
    theirs = stats.permutation_test(
        (x, y), lambda a, b, axis: a.mean(axis) - b.mean(axis), vectorized=True, n_resamples=np.inf
    )
    p, test = permutation_test(x, y)
    assert p == pytest.approx(float(theirs.pvalue), abs=1e-12)
    assert test == "exact permutations of the mean"


def test_with_a_run_that_failed_the_ranks_are_tested():
    """The rank test of one failure is that of a value below all others, whatever the value."""
    x, y = np.arange(8.0) + 20, np.arange(8.0)
    y[3] = -np.inf
    ranks = np.split(stats.rankdata(np.concatenate([x, y])), 2)
    p, test = permutation_test(x, y)
    assert p == permutation_test(*ranks)[0] == 2 / math.comb(16, 8) == least_p(8)
    assert test.endswith("mean rank")


def test_many_seeds_are_dealt_at_random_and_agree_with_the_exact_test():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.7, 1, 12), rng.normal(0, 1, 12)
    exact = stats.permutation_test(
        (x, y), lambda a, b, axis: a.mean(axis) - b.mean(axis), vectorized=True, n_resamples=np.inf
    )
    p, test = permutation_test(x, y)
    assert test.startswith("100,000 permutations")
    assert p == pytest.approx(float(exact.pvalue), abs=4 * (p * (1 - p) / 1e5) ** 0.5)
    assert permutation_test(x, y)[0] == p
    assert permutation_test(x + 50, y)[0] == least_p(12) == 1e-5


def test_equal_values_are_no_difference():
    assert permutation_test(np.ones(4), np.ones(4))[0] == 1.0
    assert permutation_test(np.full(4, -np.inf), np.full(4, -np.inf))[0] == 1.0


def test_equal_arms_are_told_apart_in_at_most_five_per_cent():
    rng = np.random.default_rng(1)
    found = [permutation_test(rng.exponential(size=6), rng.exponential(size=6))[0] for _ in range(2_000)]
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * (0.05 * 0.95 / 2_000) ** 0.5


# ---------------------------------------------------------------------- several blocks


def arms(gap, seed, n=8):
    rng = np.random.default_rng(seed)
    return {name: dict(enumerate(rng.normal(mean, 1, n))) for name, mean in (("a", 0.0), ("b", gap))}


def test_holm_goes_over_all_blocks_and_those_to_come():
    """By statsmodels' correction of the p-values of all blocks together."""
    from statsmodels.stats.multitest import multipletests

    blocks = {"one": arms(1.0, 0), "two": arms(3.0, 1), "three": arms(0.0, 2)}
    for planned in (3, 10):
        found = statistics.compare_blocks(blocks, "lower", planned=planned)
        raw = [several[0].p for several in found.values()]
        expected = multipletests([*raw, *[1.0] * (planned - 3)], method="holm")[1][:3]
        assert [several[0].p_adjusted for several in found.values()] == pytest.approx(list(expected))


def test_eight_seeds_show_a_difference_in_ninety_comparisons_where_flips_of_signs_cannot():
    blocks = {i: arms(50.0, i) for i in range(90)}
    found = statistics.compare_blocks(blocks, "lower")
    assert all(several[0].significant and several[0].better == "a" for several in found.values())
    assert statistics.reach_of_blocks(90, 8).startswith("8 seeds can reach")
    assert statistics.reach_of_blocks(90, 7).startswith("Too few seeds to tell: 7 seeds")
    assert statistics.reach_of_blocks(90, 7).endswith("8 can.")
    with_flips = statistics.compare_all(blocks[0], "lower")[0].p
    assert 90 * with_flips > 0.05


def test_a_bound_that_is_worse_shows_nothing_in_a_block_either():
    blocks = {"one": arms(50.0, 0)}
    assert not statistics.compare_blocks(blocks, "lower", {"one": ["b"]})["one"][0].significant
