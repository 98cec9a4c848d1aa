"""Tests of equivalence against scipy's permutations, Student's two one-sided tests and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from genkit import statistics
from genkit.statistics.equivalence import equivalence_test


def arms_of(*values: np.ndarray) -> dict[str, dict[int, float]]:
    return {name: dict(enumerate(v.tolist())) for name, v in zip("abcdef", values, strict=False)}


@pytest.mark.parametrize("margin", [0.3, 1.0, 2.5])
def test_each_side_is_scipys_one_sided_permutation_test(margin):
    d = np.random.default_rng(3).normal(0.4, 1, 9)

    def scipys(values: np.ndarray) -> float:
        found = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="greater"
        )
        return float(found.pvalue)

    assert equivalence_test(d, margin) == pytest.approx(max(scipys(d + margin), scipys(margin - d)))


def test_of_many_normal_pairs_it_is_students():
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.2, 0.4):
        d = rng.normal(shift, 1, 40)
        students = max(
            stats.ttest_1samp(d, -0.5, alternative="greater").pvalue,
            stats.ttest_1samp(d, 0.5, alternative="less").pvalue,
        )
        assert equivalence_test(d, 0.5) == pytest.approx(students, abs=0.01)


@pytest.mark.parametrize("side", [-1, 1])
def test_arms_that_differ_by_the_margin_are_called_equivalent_in_five_per_cent_at_most(side):
    rng, rounds = np.random.default_rng(7), 4_000
    found = sum(equivalence_test(rng.normal(side * 1.0, 0.5, 10), 1.0) <= 0.05 for _ in range(rounds))
    assert 0.04 <= found / rounds <= 0.06


def test_equal_arms_are_found_equivalent_where_the_margin_is_wide():
    rng = np.random.default_rng(1)
    assert all(equivalence_test(rng.normal(0, 0.2, 8), 1.0) <= 0.05 for _ in range(200))


def test_equivalences_of_a_table_have_holms_correction_and_looks():
    rng = np.random.default_rng(5)
    arms = arms_of(*(rng.normal(0, 0.4, 8) for _ in range(3)))
    seeds = range(8)
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    alone = [equivalence_test(np.array([arms[x][s] - arms[y][s] for s in seeds]), 0.8) for x, y in pairs]
    adjusted = multipletests(alone, method="holm")[1]
    found = statistics.compare_all(arms, "lower", margin=0.8)
    assert [c.p_equivalent for c in found] == pytest.approx(list(adjusted))
    twice = statistics.compare_all(arms, "lower", looks=2, margin=0.8)
    assert [c.p_equivalent for c in twice] == pytest.approx(np.minimum(1, 2 * adjusted))


def test_neither_failures_nor_a_bound_beside_an_exact_number_are_equivalent():
    same = {seed: 1.0 + seed / 100 for seed in range(8)}
    (failed,) = statistics.compare_all({"a": same, "b": {**same, 3: None}}, "lower", margin=1.0)
    (bound,) = statistics.compare_all({"a": same, "b": same}, "lower", ["b"], margin=1.0)
    (bounds,) = statistics.compare_all({"a": same, "b": same}, "lower", ["a", "b"], margin=1.0)
    assert (failed.p_equivalent, bound.p_equivalent) == (None, None)
    assert bounds.equivalent
    assert "equivalence cannot be tested" in statistics.pair_in_words(failed, 1)


def test_a_difference_may_be_shown_that_is_smaller_than_the_margin():
    base = {seed: 1.0 + seed / 100 for seed in range(8)}
    arms = {"a": base, "b": {seed: value + 0.1 for seed, value in base.items()}}
    said = statistics.verdict(arms, "lower", "kid", margin=0.5)
    assert said.best == "a"
    assert "Equivalent within ±0.5 of kid: a with b (p ≤ 0.004 after Holm)." in said.words
    (pair,) = said.comparisons
    assert statistics.pair_in_words(pair, 1) == "a is better; equivalent within ±0.5 (p ≤ 0.004)"
    narrow = statistics.verdict(arms, "lower", "kid", margin=0.05)
    assert "No two arms are shown to be equivalent within ±0.05 of kid." in narrow.words
    assert "quivalent" not in statistics.verdict(arms, "lower", "kid").words


def test_a_margin_is_above_nothing():
    with pytest.raises(ValueError, match="above 0"):
        equivalence_test(np.ones(8), 0.0)
