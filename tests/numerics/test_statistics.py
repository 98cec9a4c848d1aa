"""Statistics against scipy, statsmodels, enumeration by hand, and simulations with known truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from genkit import statistics
from genkit.statistics.pairs import signed_test


def arms_of(table: np.ndarray, names: str = "abcdef") -> dict[str, dict[int, float]]:
    """(arms, seeds) as values by name and seed."""
    return {name: dict(enumerate(row.tolist())) for name, row in zip(names, table, strict=False)}


# ---------------------------------------------------------------------- intervals


@pytest.mark.parametrize("n", [3, 5, 8, 20])
def test_intervals_cover_a_normal_truth(n):
    rng = np.random.default_rng(n)
    trials = 4_000 if n < 20 else 1_500
    covered = 0
    for _ in range(trials):
        low, high, _ = statistics.confidence_interval(rng.normal(2.0, 0.3, n), resamples=999)
        covered += low <= 2.0 <= high
    assert 0.93 <= covered / trials <= 0.97


def test_small_intervals_are_those_of_statsmodels():
    x = [0.3, 0.1, 0.7, 0.2]
    assert statistics.confidence_interval(x)[:2] == pytest.approx(DescrStatsW(x).tconfint_mean())


def test_from_twenty_values_the_interval_follows_the_skew_and_repeats_itself():
    x = np.random.default_rng(0).exponential(size=25)
    summary = statistics.summarise(x)
    assert summary.method == "BCa bootstrap"
    assert summary.high - summary.mean > summary.mean - summary.low > 0
    assert statistics.summarise(x) == summary


def test_a_summary_by_hand():
    summary = statistics.summarise([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (summary.n, summary.mean, summary.median, summary.iqm) == (5, 22.0, 3.0, 3.0)
    assert summary.spread == pytest.approx(np.std([1, 2, 3, 4, 100], ddof=1))
    alone = statistics.summarise([7.0])
    assert (alone.mean, alone.low, alone.high, alone.spread) == (7.0, None, None, None)
    assert statistics.summarise([2.0] * 20).low == 2.0
    rounded = statistics.confidence_interval(0.1 * np.arange(1, 25) - 0.1 * np.arange(24))
    assert rounded[:2] == pytest.approx((0.1, 0.1))


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_what_is_no_number_has_no_summary(values):
    with pytest.raises(ValueError, match="finite"):
        statistics.summarise(values)


# ---------------------------------------------------------------------- tests and corrections


def test_sign_flips_are_an_enumeration():
    x = np.array([0.5, -0.1, 0.7, 0.2, 0.35, 0.9])
    means = [abs(np.mean(x * signs)) for signs in itertools.product((-1, 1), repeat=6)]
    by_hand = np.mean(np.array(means) >= abs(x.mean()) - 1e-12)
    p, test = signed_test(x)
    assert (p, test) == (pytest.approx(by_hand), "exact sign flips")
    y = np.random.default_rng(2).normal(0.5, 1, 9)
    flips = stats.permutation_test((y,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert signed_test(y)[0] == pytest.approx(flips.pvalue)


def test_many_pairs_are_ranked():
    x = np.random.default_rng(1).normal(0.4, 1, 25)
    assert signed_test(x) == (pytest.approx(stats.wilcoxon(x).pvalue), "Wilcoxon signed ranks")


def test_equal_arms_are_not_different():
    found = statistics.compare(("a", {0: 1.0, 1: 2.0}), ("b", {0: 1.0, 1: 2.0}), "lower")
    assert (found.p, found.effect, found.better, found.improvement) == (1.0, None, None, 0.5)


def test_holm_is_that_of_statsmodels():
    p = [0.012, 0.04, 0.03, 0.9, 0.001]
    assert statistics.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert statistics.holm([]) == []


def test_a_comparison_by_hand():
    found = statistics.compare(("a", {0: 1.0, 1: 2.0, 2: 4.0}), ("b", {1: 3.0, 2: 6.0, 9: 1.0}), "lower")
    assert (found.n, found.difference, found.better) == (2, -1.5, "a")
    # Of the nine pairs of trainings (1, 2, 4) × (3, 6, 1), a is lower in 2 + 2 + 1 and equal in 1.
    assert found.improvement == pytest.approx(5.5 / 9)
    assert found.effect is None  # of two pairs
    three = statistics.compare(("a", {0: 1.0, 1: 2.0, 2: 3.0}), ("b", {0: 0.0, 1: 0.0, 2: 0.0}), "lower")
    assert three.effect == pytest.approx(2 / 1 * (1 - 3 / (4 * 2 - 1)))
    assert statistics.compare(("a", {0: 1.0}), ("b", {1: 1.0}), "lower") is None


def test_the_better_arm_depends_on_the_direction():
    values = ("a", {0: 1.0, 1: 1.1}), ("b", {0: 2.0, 1: 2.2})
    assert statistics.compare(*values, "lower").better == "a"
    assert statistics.compare(*values, "higher").better == "b"
    assert statistics.compare(*values, "higher").improvement == 0.0
    with pytest.raises(ValueError, match="direction"):
        statistics.compare(*values, "none")


# ---------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(("arms", "seeds"), [(2, 6), (3, 8), (4, 8), (3, 15)])
def test_null_cases_are_told_apart_in_at_most_five_per_cent(arms, seeds):
    rng = np.random.default_rng(arms * seeds)
    trials, wrong = 4_000 if seeds < 15 else 1_000, 0
    for trial in range(trials):
        # Heavy tails, and arms that share what their seed brings.
        table = rng.standard_t(3, (arms, seeds)) + rng.normal(size=seeds)
        p_values = [signed_test(x - y)[0] for x, y in itertools.combinations(table, 2)]
        told_apart = min(statistics.holm(p_values)) <= statistics.ALPHA
        wrong += told_apart
        if trial < 100:
            said = statistics.verdict(arms_of(table), "lower").kind
            assert (said in ("best", "differences")) is told_apart
    assert wrong / trials <= 0.05


def test_a_real_difference_is_found():
    table = np.random.default_rng(0).normal(size=(3, 8)) + np.array([[0], [8], [16]])
    found = statistics.verdict(arms_of(table), "lower", "fid")
    assert (found.kind, found.best) == ("best", "a")
    assert found.words == "a is better than b and c by fid (p ≤ 0.023 after Holm, 8 paired seeds)."
    assert statistics.verdict(arms_of(table), "higher").best == "c"


def test_an_arm_that_beats_only_one_is_not_called_the_best():
    table = np.array([[0, 1, 0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0, 1, 0], [9, 8, 9, 8, 9, 8, 9, 8]]) + 0.0
    found = statistics.verdict(arms_of(table), "lower", "fid")
    assert (found.kind, found.best) == ("differences", None)
    assert "no arm beats all others" in found.words


@pytest.mark.parametrize(("arms", "seeds", "can"), [(2, 5, False), (2, 6, True), (3, 6, False), (3, 8, True)])
def test_what_can_be_shown_is_what_the_test_can_reach(arms, seeds, can):
    table = np.arange(arms)[:, None] * 100.0 + np.random.default_rng(0).normal(size=(arms, seeds))
    found = statistics.verdict(arms_of(table), "lower")
    assert (found.kind == "best") is can
    assert (found.kind == "too few seeds") is not can
    words = statistics.reach_in_words(arms, seeds)
    assert words.startswith("Too few seeds to tell") is not can
    needed = statistics.seeds_needed(arms * (arms - 1) // 2)
    assert (seeds >= needed) is can
    if not can:
        assert f"{needed} seeds can" in words
        assert f"{needed} seeds can" in found.words


def test_five_pairs_never_reach_significance_and_eight_do_over_three():
    assert signed_test(np.ones(5) + np.arange(5) / 10)[0] == 2 / 2**5
    assert statistics.seeds_needed(1) == 6
    assert 3 * 2 / 2**8 <= 0.05
    assert statistics.seeds_needed(3) == 7


def test_seeds_for_an_effect_are_those_of_statsmodels():
    for effect in (0.4, 0.8, 1.5):
        exact = TTestPower().solve_power(effect, alpha=0.05 / 3, power=0.8)
        assert statistics.power_seeds(effect, 3) == max(7, int(np.ceil(exact)))
    assert statistics.power_seeds(0.01, 3) is None


def test_words_of_a_pair():
    table = np.random.default_rng(3).normal(size=(2, 8))
    c = statistics.compare_all(arms_of(table), "lower")[0]
    assert "not told apart; an effect of this size would take" in statistics.pair_in_words(c, 1)
    few = statistics.compare_all(arms_of(table[:, :3]), "lower")[0]
    assert statistics.pair_in_words(few, 1) == "too few seeds to tell: 3 of at least 6"


@pytest.mark.parametrize(
    "arms", [{}, {"a": {0: 1.0}}, {"a": {0: 1.0}, "b": {}}, {"a": {0: 1.0}, "b": {1: 1.0}}]
)
def test_nothing_to_compare_is_said(arms):
    found = statistics.verdict(arms, "lower", "fid")
    assert (found.kind, found.words) == ("none", "There is nothing to compare by fid.")


# ---------------------------------------------------------------------- fronts and bands


def test_the_pareto_front_by_hand():
    points = [(1, 5), (2, 3), (3, 4), (4, 1), (4, 1), (5, 2)]
    assert statistics.pareto_front(points, ("lower", "lower")) == [0, 1, 3, 4]
    assert statistics.pareto_front(points, ("lower", "higher")) == [0]
    assert statistics.pareto_front([], ("lower", "lower")) == []


def test_a_band_is_a_mean_of_lines_with_students_interval():
    found = statistics.band([([0, 10], [0.0, 10.0]), ([0, 5, 10], [2.0, 2.0, 12.0]), ([0, 5], [4.0, 9.0])])
    assert found.x.tolist() == [0, 5, 10]
    assert found.mean.tolist() == pytest.approx([2, 16 / 3, 11])
    assert found.n.tolist() == [3, 3, 2]
    low, high, _ = statistics.confidence_interval([5.0, 2.0, 9.0])
    assert (found.low[1], found.high[1]) == pytest.approx((low, high))
    assert np.isnan(statistics.band([([0], [1.0])]).low).all()
    with pytest.raises(ValueError, match="at least one"):
        statistics.band([])
