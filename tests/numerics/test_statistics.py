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
from genkit.statistics.signs import sign_interval, sign_test


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
    p, test = sign_test(x)
    assert (p, test) == (pytest.approx(by_hand), "exact sign flips of the mean")
    y = np.random.default_rng(2).normal(0.5, 1, 9)
    flips = stats.permutation_test((y,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_test(y)[0] == pytest.approx(flips.pvalue)


def test_many_pairs_are_flipped_at_random():
    x = np.random.default_rng(1).normal(0.4, 1, 25)
    reference = stats.permutation_test(
        (x,), np.mean, permutation_type="samples", n_resamples=200_000, rng=np.random.default_rng(9)
    )
    p, test = sign_test(x)
    assert test == "100,000 sign flips of the mean"
    assert p == pytest.approx(reference.pvalue, abs=5 * (0.25 / 100_000) ** 0.5)
    assert sign_test(x)[0] == p


def test_sixteen_seeds_of_which_one_explodes_do_not_make_the_loser_the_winner():
    """A is better on 15 of 16 seeds, and its mean is worse: a test of ranks and a mean would contradict."""
    a = {seed: 1.0 + seed / 100 for seed in range(15)} | {15: 60.0}
    b = {seed: 2.5 + seed / 50 for seed in range(16)}
    found = statistics.compare(("a", a), ("b", b), "lower")
    assert stats.wilcoxon([a[s] - b[s] for s in a]).pvalue < 0.01
    assert (found.better, found.significant) == ("b", False)
    assert found.low < 0 < found.high
    assert found.improvement == pytest.approx(15 / 16)


@pytest.mark.parametrize("n", [6, 9, 14, 15, 18])
def test_the_interval_leaves_out_nothing_where_the_test_is_significant(n):
    rng, decided = np.random.default_rng(n), set()
    for _ in range(60 if n < 15 else 12):
        x = rng.standard_t(3, n) + rng.choice([0.0, 0.8])
        low, high = sign_interval(x)
        decided.add(sign_test(x)[0] <= 0.05)
        assert (sign_test(x)[0] <= 0.05) is not (low <= 0 <= high)
        # Just inside of either end a shift is not told from the mean, just beyond it is.
        for end, step in ((low, 1e-6), (high, -1e-6)):
            assert sign_test(x - (end + step))[0] > 0.05
            assert sign_test(x - (end - step))[0] <= 0.05
    assert decided == {True, False}


def test_an_interval_of_six_pairs_is_their_range():
    x = np.array([0.3, -0.2, 1.1, 0.4, 0.9, 0.5])
    assert sign_interval(x) == (-0.2, 1.1)  # 2 of 64 flips are 3 %, 4 would be 6 %
    assert sign_interval(x[:5]) is None
    few = statistics.compare(("a", dict(enumerate(x[:5]))), ("b", dict.fromkeys(range(5), 0.0)), "lower")
    assert (few.low, few.high) == pytest.approx(DescrStatsW(x[:5]).tconfint_mean())


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
    # Of the four pairs of trainings (2, 4) × (3, 6) of the seeds that both have, a is lower in 2 + 1.
    assert found.improvement == pytest.approx(3 / 4)
    assert (found.low, found.high) == (None, None)
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
    trials, wrong = 4_000 if seeds < 15 else 600, 0
    for trial in range(trials):
        # Heavy tails, and arms that share what their seed brings.
        table = rng.standard_t(3, (arms, seeds)) + rng.normal(size=seeds)
        p_values = [sign_test(x - y)[0] for x, y in itertools.combinations(table, 2)]
        told_apart = min(statistics.holm(p_values)) <= statistics.ALPHA
        wrong += told_apart
        if trial < (100 if seeds < 15 else 20):
            said = statistics.verdict(arms_of(table), "lower").kind
            assert (said in ("best", "differences")) is told_apart
    assert wrong / trials <= 0.05


def test_a_real_difference_is_found():
    table = np.random.default_rng(0).normal(size=(3, 8)) + np.array([[0], [8], [16]])
    found = statistics.verdict(arms_of(table), "lower", "fid")
    assert (found.kind, found.best) == ("best", "a")
    assert found.words == "a is better than b and c by fid (p ≤ 0.024 after Holm, 8 paired seeds)."
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
    assert sign_test(np.ones(5) + np.arange(5) / 10)[0] == 2 / 2**5
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
    assert statistics.pair_in_words(few, 1) == "not told apart by 3 pairs"


@pytest.mark.parametrize(
    "arms", [{}, {"a": {0: 1.0}}, {"a": {0: 1.0}, "b": {}}, {"a": {0: 1.0}, "b": {1: 1.0}}]
)
def test_nothing_to_compare_is_said(arms):
    found = statistics.verdict(arms, "lower", "fid")
    assert (found.kind, found.words) == ("none", "There is nothing to compare by fid.")


def test_a_p_value_is_never_said_to_be_less_than_it_is():
    assert statistics.at_most(0.03125) == "0.032"
    assert [statistics.at_most(p) for p in (0.05, 1.0, 0.0501, 1e-5)] == ["0.05", "1", "0.051", "1e-05"]
    assert statistics.at_most(0.03125, 3) == "0.0313"
    assert statistics.at_most(0.03125, 4) == "0.03125"
    six = arms_of(np.array([[1.0] * 6, np.arange(2.0, 8.0)]))
    assert "(p ≤ 0.032 after Holm, 6 paired seeds)" in statistics.verdict(six, "lower").words
    assert "smallest p after Holm: 0.032" in statistics.reach_in_words(2, 6)


def test_identical_arms_are_called_equal_and_no_seeds_are_asked_for():
    same = np.random.default_rng(0).normal(size=8)
    found = statistics.verdict(arms_of(np.array([same, same])), "lower", "fid")
    assert found.words.startswith("By fid the arms are equal in every pair of runs")
    assert "seeds" not in found.words
    assert statistics.pair_in_words(found.comparisons[0], 1) == "equal in every pair"


# ---------------------------------------------------------------------- trainings that failed


def test_an_arm_of_which_every_training_fails_is_worse():
    arms = {"a": {seed: 1.0 + seed for seed in range(8)}, "b": dict.fromkeys(range(8))}
    for direction in ("lower", "higher"):
        found = statistics.verdict(arms, direction, "fid")
        assert (found.kind, found.best) == ("best", "a")
        assert found.words == (
            "a is better than b by fid (p ≤ 0.0079 after Holm, 8 paired seeds; a run that failed is the"
            " worst). Runs that trained: a 8 of 8, b 0 of 8."
        )
        (c,) = found.comparisons
        assert (c.difference, c.low, c.effect, c.first_trained, c.second_trained) == (None, None, None, 8, 0)
        assert (c.improvement, c.p) == (1.0, 2 / 2**8)
    both = statistics.verdict({"a": dict.fromkeys(range(8)), "b": dict.fromkeys(range(8))}, "lower", "fid")
    assert both.kind == "none"
    assert "No run has a number of fid" in both.words
    assert "a 0 of 8, b 0 of 8" in both.words


def test_with_failures_the_probability_of_improvement_is_what_is_tested():
    """By a loop over all pairs of trainings, and over all swaps within the seeds' pairs."""
    a, b = (
        {0: 3.0, 1: None, 2: 1.0, 3: 2.0, 4: 1.5, 5: 0.5},
        {0: 4.0, 1: 2.5, 2: None, 3: None, 4: 2.0, 5: 5.0},
    )

    def wins(xs, ys):
        worst = [[float("inf") if v is None else v for v in values] for values in (xs, ys)]
        return np.mean([1.0 if x < y else 0.5 * (x == y) for x, y in itertools.product(*worst)])

    found = statistics.compare(("a", a), ("b", b), "lower")
    seen = wins(a.values(), b.values())
    assert found.improvement == pytest.approx(seen)
    extreme = []
    for swaps in itertools.product((False, True), repeat=6):
        pairs = [(b[s], a[s]) if swap else (a[s], b[s]) for s, swap in zip(range(6), swaps, strict=True)]
        extreme.append(abs(wins(*zip(*pairs, strict=True)) - 0.5) >= abs(seen - 0.5) - 1e-12)
    assert found.p == pytest.approx(np.mean(extreme))
    assert found.better == "a"
    assert found.test == "exact sign flips of the mean rank"
    assert found.improvement_low <= seen <= found.improvement_high
    assert (found.n, found.failed) == (6, 3)


def test_an_arm_that_failed_counts_for_holm():
    rng = np.random.default_rng(0)
    arms = arms_of(rng.normal(size=(2, 8)))
    alone = statistics.verdict(arms, "lower").comparisons[0]
    beside = statistics.verdict({**arms, "c": dict.fromkeys(range(8))}, "lower").comparisons
    assert len(beside) == 3
    assert next(c for c in beside if c.second != "c").p_adjusted >= alone.p_adjusted


def test_a_bound_that_is_worse_than_an_exact_number_shows_nothing():
    exact, bound = {s: 80.0 + s / 10 for s in range(8)}, {s: 90.0 + s / 10 for s in range(8)}
    found = statistics.verdict({"gpt": exact, "vae": bound}, "lower", "nll", bounds={"vae"})
    assert (found.kind, found.best) == ("none", None)
    assert "The numbers of vae are bounds: that they are worse says nothing." in found.words
    better = statistics.verdict({"gpt": bound, "vae": exact}, "lower", "nll", bounds={"vae"})
    assert better.best == "vae"


# ---------------------------------------------------------------------- what a quantity can be


@pytest.mark.parametrize("values", [[0.1, 0.5, 0.3], [0.02, 0.9, 0.6], [0.99, 0.999, 0.97, 0.7]])
def test_an_interval_of_shares_lies_within_them(values):
    low, high, method = statistics.confidence_interval(values, within=statistics.SHARE)
    assert 0 < low < np.mean(values) < high < 1
    assert method == "Student's t"
    low, high, _ = statistics.confidence_interval(np.array(values) * 1e4, within=statistics.POSITIVE)
    assert 0 < low < np.mean(values) * 1e4 < high


def test_far_from_the_borders_it_is_students():
    near = statistics.confidence_interval([0.50, 0.501, 0.502], within=statistics.SHARE)
    assert near[:2] == pytest.approx(DescrStatsW([0.50, 0.501, 0.502]).tconfint_mean(), abs=1e-5)


def test_two_values_and_counts_have_no_interval():
    two = statistics.summarise([0.1, 0.5], within=statistics.SHARE)
    assert (two.low, two.high, two.least, two.most, two.mean) == (None, None, 0.1, 0.5, 0.3)
    assert statistics.summarise([20_000, 37_600, 28_800], within=statistics.COUNT).low is None


def test_equal_values_at_a_border_have_the_interval_of_that_value():
    assert statistics.confidence_interval([0.0] * 4, within=statistics.SHARE)[:2] == (0.0, 0.0)
    assert statistics.confidence_interval([1.0] * 4, within=statistics.SHARE)[:2] == (1.0, 1.0)


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
