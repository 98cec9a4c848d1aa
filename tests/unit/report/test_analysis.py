"""What a report's table sets side by side, what it counts, and what its verdict is of."""

from __future__ import annotations

import json

import pytest

from genkit.report.analysis import analyse
from genkit.report.metric_ranges import range_of
from genkit.report.numbers import summary_text
from genkit.report.page import in_words, report
from genkit.report.sources import Looks, Member, read_study
from genkit.report.tables import summary
from genkit.runs.rows import from_plain
from genkit.statistics import ANY, COUNT, POSITIVE, SHARE, Range, summarise
from tests.unit.report.report_runs import row, write_run, write_study


def member(arm, seed, *rows, status="finished", **more):
    """A member with rows of Inception's features, whose names are the bare ones."""
    for plain in rows:
        if "extractor" in plain["protocol"]:
            plain["protocol"] = {**plain["protocol"], "extractor": "inception"}
    found = [from_plain(plain) for plain in rows]
    return Member(arm, seed, path=None, status=status, rows=found, **more)  # type: ignore[arg-type]


def arms(values, **more):
    """Members of arms with a value of kid for each seed; None: it diverged."""
    return [
        member(arm, seed, row("kid", kid), **more)
        if kid is not None
        else member(arm, seed, status="diverged")
        for arm, numbers in values.items()
        for seed, kid in enumerate(numbers)
    ]


def test_a_verdict_says_whose_checkpoints_were_selected_on_what_judges_them():
    """Of three arms one selected on the test part; its verdict and the note say so, and by what."""
    members = [member("fair", seed, row("kid", 1.0 + seed)) for seed in range(3)]
    members += [member("flattered", seed, row("kid", 0.5 + seed, selected="val/kid")) for seed in range(3)]
    found = analyse(members, "kid")
    assert found.selected == (
        "Selected on the examples that judge them, which flatters: the checkpoints of flattered (by val/kid)."
    )
    assert in_words(found).endswith(found.selected)
    assert "Selected" not in in_words(analyse(members[:3], "kid"))


# ---------------------------------------------------------------------- what stands together


def test_floors_and_ceilings_are_those_of_a_lines_protocol():
    """Characters and byte pairs have ceilings of their own; a mean of both is of neither."""
    members = []
    for arm, codec, nll, ceiling in (("char", "characters", 1.5, 3.347), ("bpe", "pairs", 3.5, 5.178)):
        about = {"unit": "nats/token", "kind": "exact", "protocol": {"codec": codec}, "n_real": None}
        rows = [row("nll", nll, **about), row("nll", ceiling, role="ceiling", **about)]
        rows += [
            row("kid", 1.0),
            row("kid", 0.1, role="floor"),
            row("kid", 0.7, role="floor", judged="other"),
        ]
        members += [member(arm, seed, *rows) for seed in range(2)]
    lines = analyse(members).lines
    ceilings = {line.sample.protocol["codec"]: line.ceiling for line in lines if line.metric == "nll"}
    assert ceilings == {"characters": pytest.approx(3.347), "pairs": pytest.approx(5.178)}
    assert next(line.floor for line in lines if line.metric == "kid") == pytest.approx(0.1)


def test_a_floor_of_other_numbers_of_examples_counts_where_there_is_no_other():
    halves = {"protocol": {"held_out": 50}, "n": 50, "n_real": 50}
    rows = [
        row("memorisation", 0.5, protocol={"held_out": 100}),
        row("memorisation", 0.48, role="floor", **halves),
    ]
    assert analyse([member("a", 0, *rows)]).lines[0].floor == 0.48
    rows.append(row("memorisation", 0.51, role="floor", protocol={"held_out": 100}))
    assert analyse([member("a", 0, *rows)]).lines[0].floor == 0.51


def test_likelihoods_of_other_things_stand_apart():
    given = row("nll", 90.0, protocol={"given": "label"})
    found = analyse(
        [member("a", 0, given), member("b", 0, row("nll", 95.0, protocol={"given": "nothing"}))], "nll"
    )
    assert len([line for line in found.lines if line.metric == "nll"]) == 2
    assert found.verdict.words == "There is nothing to compare by nll."


def test_a_bound_stands_beside_an_exact_number_and_says_so():
    members = []
    for seed in range(8):
        members.append(member("gpt", seed, row("nll", 80 + seed / 10, kind="exact", protocol={})))
        members.append(member("vae", seed, row("nll", 90 + seed / 10, kind="bound", protocol={"k": 1})))
    found = analyse(members, "nll")
    (line,) = found.lines
    assert line.kinds == ["exact", "bound (k=1)"]
    assert "measured otherwise" not in "".join(cell.reason for cell in line.cells.values())
    assert summary(found)["vae"][0].startswith("≤ 90.35 [")
    assert not summary(found)["gpt"][0].startswith("≤")
    assert (found.verdict.best, found.verdict.kind) == (None, "none")
    assert "The numbers of vae are bounds: that they are worse says nothing." in found.verdict.words


# ---------------------------------------------------------------------- trainings that failed


def test_diverged_trainings_are_the_worst_and_are_counted_everywhere():
    found = analyse(arms({"a": [1.0 + s / 10 for s in range(8)], "b": [None] * 8}), "kid")
    assert found.verdict.best == "a"
    assert "Runs that trained: a 8 of 8, b 0 of 8." in found.verdict.words
    assert summary(found)["b"][0] == "– (n=0 of 8)"
    some = analyse(arms({"a": [1.0] * 8, "b": [0.9 - s / 100 if s > 2 else None for s in range(8)]}), "kid")
    assert summary(some)["b"][0].endswith("(n=5 of 8)")
    assert "Runs that trained: a 8 of 8, b 5 of 8." in some.verdict.words
    (c,) = some.comparisons
    assert (c.n, c.difference, c.improvement) == (8, None, pytest.approx(3 / 8))


def test_a_full_disk_is_no_result_of_an_arm():
    members = arms({"a": [1.0 + s / 10 for s in range(8)]})
    members += [member("b", seed, status="failed", code=6) for seed in range(8)]
    assert analyse(members, "kid").verdict.words == "There is nothing to compare by kid."


def test_a_worthless_run_counts_as_failed_but_has_its_costs(tmp_path):
    folder, members = tmp_path / "s", []
    for arm in ("a", "b"):
        for seed in range(8):
            kid = row("kid", 1.0 + seed / 10 - (0.5 if arm == "b" else 0))
            run = write_run(folder / f"{arm}-{seed}", arm, seed, [kid, row("training_seconds", 10.0)])
            if arm == "b":
                finding = {
                    "severity": "error",
                    "code": "collapsed",
                    "step": 80,
                    "until": None,
                    "advice": "Stop.",
                }
                (run / "findings.json").write_text(json.dumps({"findings": [finding]}))
            members.append((arm, seed, {"status": "finished"}))
    write_study(folder, members, primary="kid")
    found = analyse(read_study(folder)[1], "kid")
    assert found.verdict.best == "a"
    assert found.primary.cells["b"].reason == "what every run gave is worthless: collapsed"
    seconds = next(line for line in found.lines if line.metric == "training_seconds")
    assert len(seconds.cells["b"].values) == 8
    page = report(folder, tmp_path / "out").read_text()
    assert "worthless: collapsed" in page


@pytest.mark.parametrize(
    ("step", "until", "worthless", "said"),
    [
        (80, None, "memorised", "memorised at step 80."),
        (100, None, "memorised", "memorised at step 100."),
        (120, None, "", "memorised at step 120."),  # behind the checkpoint that was chosen
        (40, 90, "", "memorised from step 40 to 90, then no more."),
        (40, 150, "memorised", "memorised from step 40 to 150, then no more."),
    ],
)
def test_a_finding_is_of_a_checkpoint_only_while_it_held(tmp_path, step, until, worthless, said):
    run = write_run(tmp_path / "s" / "a-0", "a", 0, [row("kid", 1.0)])  # of step 100
    finding = {"severity": "error", "code": "memorised", "step": step, "until": until, "advice": ""}
    (run / "findings.json").write_text(json.dumps({"findings": [finding]}))
    folder = write_study(tmp_path / "s", [("a", 0, {"status": "finished"})])
    (found,) = read_study(folder)[1]
    assert found.worthless == worthless
    assert found.findings == [f"error: {said} "]


# ---------------------------------------------------------------------- what the verdict is of


def test_recall_stands_beside_a_metric_of_quality():
    members = []
    for arm, kid, recall in (("wide", 3.0, 0.9), ("collapsed", 1.0, 0.0)):
        for seed in range(8):
            rows = [row("kid", kid + seed / 100), row("recall", recall, direction="higher")]
            members.append(member(arm, seed, *rows))
    words = analyse(members, "kid").verdict.words
    assert words.endswith("Recall beside it: wide 0.90, collapsed 0.")
    assert "Recall beside it" not in analyse(members, "recall").verdict.words


def test_a_study_that_has_not_ended_has_no_verdict_yet():
    members = arms({"a": [1.0 + s for s in range(8)], "b": [9.0 + s for s in range(8)]})
    members[3].ended = False
    found = analyse(members, "kid")
    assert found.verdict is None
    assert in_words(found).startswith("The study has not ended: 1 of 16 runs are still to run.")


def test_seeds_added_after_a_look_decide_nothing():
    a, b = [1.0 + s / 10 for s in range(6)] + [1.0] * 6, [1.05 + s / 10 for s in range(5)] + [1.0] + [9.0] * 6
    members = arms({"a": a, "b": b})
    first = analyse([m for m in members if m.seed < 6], "kid").verdict
    again = analyse(members, "kid", Looks(1, (tuple(range(6)),)))
    assert (again.verdict.kind, again.verdict.comparisons) == (first.kind, first.comparisons)
    assert len(again.primary.cells["a"].values) == 12
    assert "That is of the first 6 seeds. 6 were added after the results had been looked at once" in in_words(
        again
    )
    assert analyse(members, "kid", Looks(1)).verdict.best == "a"


def test_declared_looks_share_the_five_per_cent():
    members = arms({"a": [1.0 + s / 10 for s in range(7)], "b": [2.0 + s / 9 for s in range(7)]})
    once = analyse(members, "kid", Looks(1)).verdict
    of_five = analyse(members, "kid", Looks(5, (tuple(range(6)),))).verdict
    assert once.comparisons[0].p_adjusted == 2 / 2**7
    assert of_five.comparisons[0].p_adjusted == 5 * 2 / 2**7
    assert "in 1 comparison and 5 looks; 8 seeds can." in of_five.words
    assert (once.best, of_five.best) == ("a", None)
    more = arms({"a": [1.0 + s / 10 for s in range(8)], "b": [2.0 + s / 9 for s in range(8)]})
    third = analyse(more, "kid", Looks(5, (tuple(range(6)), tuple(range(7))))).verdict
    assert third.words == "a is better than b by kid (p ≤ 0.04 after Holm and 5 looks, 8 paired seeds)."


def test_costs_decide_only_where_they_are_asked_to():
    members = [member(arm, seed, row("parameters", 5.0 + seed)) for arm in ("a", "b") for seed in range(2)]
    assert analyse(members).primary is None
    assert analyse(members, "parameters").primary.metric == "parameters"


# ---------------------------------------------------------------------- numbers as text


def test_no_interval_leaves_what_a_metric_can_be():
    recall = summarise([0.2, 0.4, 0.9], within=range_of("recall"))
    assert 0 < recall.low < recall.high < 1
    speed = summarise([100.0, 41_865.0, 9_000.0], within=range_of("samples_per_second"))
    assert speed.low > 0
    assert summary_text(summarise([0.1, 0.5], within=SHARE)) == "0.3 (0.1, 0.5)"
    assert summary_text(summarise([20_000, 30_000, 37_600], within=COUNT)) == "29,200 (20,000 to 37,600)"
    assert summary_text(summarise([100_864] * 8, within=COUNT)) == "100,864"


# Unbiased estimates, differences and densities may be negative; everything else is at least nothing.
PREDICTED = (
    *("prediction", "best_prediction", "mean_prediction"),
    *("last_frame", "mean_frame", "black"),
)
RESTYLED = ("restyled", "copied", "stranger")
WITHIN = {
    SHARE: (
        *("precision", "recall", "coverage", "mauve", "distinct_1", "distinct_2", "distinct_3", "distinct_4"),
        *("repeated_4grams", "loops", "vocabulary_overlap", "memorised_share", "memorisation"),
        *("copied_span_above", "copied_whole", "novel_1grams", "novel_2grams", "novel_4grams"),
        *("copied_8grams", "agreement", "silent_share", "clipped_share", "in_tune"),
        *("frame_precision", "frame_recall"),
        *("valid_share", "straight_share", "same_digit_share", "ink_share"),
        *("exact_match", "commonest_exact_match", "copied_exact_match"),
        *("rouge_1", "rouge_2", "rouge_l", "token_f1"),
        *("form_share", "marks_share", "couplets_share", "even_share", "copied_verses"),
        *(f"{of}_{what}" for of in RESTYLED for what in ("share", "motif_share", "class_share", "mse")),
    ),
    Range(0.0, 100.0): ("self_bleu", "bleu", "chrf", *(f"{of}_psnr" for of in PREDICTED)),
    Range(-1.0, 1.0): tuple(f"{of}_ssim" for of in PREDICTED),
    Range(1.0, 5.0): ("dnsmos",),
    POSITIVE: (
        "frame_fid",
        *("fid", "inception_score", "density", "sliced_wasserstein", "diversity", "nearest_train"),
        *("perplexity", "bits_per_byte", "length_words", "length_characters", "copied_span"),
        *("training_flops", "training_seconds", "training_memory", "samples_per_second"),
        *("codec_flops", "codec_seconds"),
        *(f"{of}_{name}" for of in PREDICTED for name in ("mse", "mae")),
        *("frame_cross_entropy", "frame_cross_entropy_bound", "mean_frame_cross_entropy"),
    ),
    COUNT: ("parameters", "training_steps", "training_examples", "exact_copies", "duplicates"),
    ANY: (
        *("frame_kid", "fid_infinity", "kid", "nll", "bits_per_dimension", "copied_span_excess"),
        *("gain_over_last_frame", "gain_over_mean_frame"),
    ),
}


def test_every_metric_declares_what_it_can_be():
    from genkit.metrics.catalogue import BUILT_IN

    named = [name for names in WITHIN.values() for name in names]
    assert sorted(named) == sorted(BUILT_IN)
    for within, names in WITHIN.items():
        assert {range_of(name) for name in names} == {within}
    assert range_of("fid_infinity") == range_of("kid") == range_of("unheard_of")
    assert range_of("fid_digits") == POSITIVE
    assert (range_of("nll", "nats/token"), range_of("nll", "nats/example").low) == (POSITIVE, -float("inf"))
