"""What counts as a failure of training: rules on hand-made histories."""

import json

import pytest

from genkit.diagnostics import findings
from genkit.diagnostics.findings import RULES, Rule, judge

HIGH = Rule("high", "error", "x", above=True, threshold=1.0, advice="lower it.", patience=2, after=0.2)


def history(*values, measure="x", start=0.2):
    return [
        {"step": 20 * (i + 1), "progress": start + 0.1 * i, measure: value} for i, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "step", "until"),
    [
        ((0.5, 0.9, 1.0), None, None),  # the threshold itself is allowed
        ((2.0, 0.5, 2.0, 0.5), None, None),  # never twice in a row
        ((0.5, 2.0, 3.0), 60, None),
        ((2.0, 3.0, 4.0), 40, None),  # settled once
        ((2.0, 3.0, 0.5), 40, 60),
        ((2.0, 3.0, 0.5, 2.0, 2.5), 100, None),  # it came again
    ],
)
def test_a_rule_is_broken_by_a_stretch_of_measurements(values, step, until):
    found = judge(history(*values), [HIGH])
    assert [f.step for f in found] == ([] if step is None else [step])
    assert all(f.until == until for f in found)


def test_a_finding_says_what_where_and_what_to_do():
    (found,) = judge(history(2.0, 3.0), [HIGH])
    assert (found.code, found.severity, found.value, found.threshold) == ("high", "error", 3.0, 1.0)
    assert str(found) == "error: high at step 40: x is 3, above 1. lower it."


def test_the_beginning_of_a_training_is_not_judged():
    assert not judge(history(9.0, 9.0, start=0.0), [HIGH])
    assert judge(history(9.0, 9.0, start=0.2), [HIGH])
    short = [{**row, "step": i + 1} for i, row in enumerate(history(9.0, 9.0, 9.0))]
    assert not judge(short, [HIGH])


def test_what_a_model_does_not_report_is_not_judged():
    assert judge([{"step": 1, "progress": 1.0}] * 3) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_of_the_table_fires_on_its_side_alone(rule):
    wrong, right = (1e6, -1e6) if rule.above else (-1e6, 1e6)
    opposite = [other for other in RULES if other.measure == rule.measure and other.above != rule.above]
    if opposite:  # bad on both sides: good between them
        right = (rule.threshold + opposite[0].threshold) / 2

    def codes(value):
        return [f.code for f in judge(history(*[value] * 5, measure=rule.measure.replace("*", "x")))]

    said = findings.IMPLIED.get(rule.code, ())
    assert rule.code in codes(wrong) or set(said) & set(codes(wrong))
    assert codes(right) == []
    assert rule.advice.endswith(".")


def test_what_is_said_more_severely_is_not_said_twice():
    low = history(0.1, 0.1, measure="diversity", start=0.5)
    middle = history(0.5, 0.5, measure="diversity")
    assert [f.code for f in judge(low)] == ["collapsed"]
    assert [f.code for f in judge(middle)] == ["little_diversity"]


def test_what_is_said_no_longer_hides_nothing():
    rows = history(0.1, 0.1, 0.5, 0.5, measure="diversity", start=0.5)
    assert [(f.code, f.until) for f in judge(rows)] == [("little_diversity", None), ("collapsed", 60)]


def test_a_finding_that_has_ended_says_so_wherever_it_is_read():
    rows = history(0.1, 0.1, 0.9, measure="diversity", start=0.5)
    (found,) = judge(rows)
    assert str(found) == (
        "error no more: collapsed held from step 40 (diversity was 0.1, below 0.25) to step 60."
    )
    (told,) = findings.to_plain(rows, [found])["findings"]
    assert (told["holds"], told["until"]) == (False, 60)
    (told,) = findings.to_plain(rows[:2], judge(rows[:2]))["findings"]
    assert (told["holds"], told["until"]) == (True, None)


@pytest.mark.parametrize("code", findings.TOO_LONG)
def test_nobody_is_told_to_train_longer_who_has_trained_too_long(code):
    """Every rule of the table is broken, but for those that say that."""
    worst = {rule.code: rule for rule in RULES}
    rows = [{"step": step, "progress": step / 100} for step in (40, 60, 80, 100)]
    for row in rows:
        for rule in RULES:
            if rule.measure not in ("gap", "copied", "distinct_examples", "known_examples"):
                row[rule.measure.replace("*", "x")] = rule.threshold + (1 if rule.above else -1)
    said = judge(rows)
    assert sum("train longer" in finding.advice for finding in said) >= 3
    for row in rows:
        row[worst[code].measure] = worst[code].threshold + 0.01
    found = judge(rows)
    assert code in {finding.code for finding in found}
    assert not [finding.code for finding in found if "train longer" in finding.advice]


@pytest.mark.parametrize(("measure", "code"), [("gap", "memorised"), ("copied", "copies")])
def test_what_has_come_up_at_the_last_validation_is_said(measure, code):
    assert [f.code for f in judge(history(0.1, 0.1, 0.1, 1.2, measure=measure))] == [code]


def test_a_training_that_is_validated_once_is_judged_by_that():
    """At its end; before, a rule waits for as many measurements as it asks for."""
    for rule in RULES:
        wrong = {rule.measure.replace("*", "x"): rule.threshold + (1 if rule.above else -1)}
        alone = [{"step": 100, "progress": 1.0, **wrong}]
        assert [f.code for f in judge(alone, [rule])] == [rule.code]
    half = [{"step": 50, "progress": 0.5, "diversity": 0.1}]
    assert judge(half) == []
    assert [f.code for f in judge([*half, {"step": 100, "progress": 1.0, "diversity": 0.9}])] == []


def test_a_star_stands_for_every_number_that_begins_so():
    still = Rule("still", "error", "moved/*", above=False, threshold=1e-6, advice="look.", patience=1)
    rows = [
        {"step": 20, "progress": 0.5, "moved/a": 0.1, "moved/b": 0.0, "moved": 0.0},
        {"step": 40, "progress": 1.0, "moved/a": 0.0, "moved/b": 0.0},
    ]
    assert [(f.measure, f.step) for f in judge(rows, [still])] == [("moved/a", 40), ("moved/b", 20)]


def test_every_code_that_another_one_says_is_in_the_table():
    codes = {rule.code for rule in RULES}
    assert set(findings.IMPLIED) | {code for deeper in findings.IMPLIED.values() for code in deeper} <= codes


def test_the_file_is_plain_json():
    rows = history(2.0, float("nan"), 3.0)
    rows[0]["parts"] = [1.0, float("inf")]
    plain = findings.to_plain(rows, judge(rows, [HIGH]))
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["history"][0]["parts"] == [1.0, None]
    assert plain["history"][1]["x"] is None


# (step, diversity, share of the latents that are in use) as trainings of 300 steps measured them, every 60.
YOUNG = [(60, 0.07, 0.125), (120, 0.107, 0.844), (180, 0.241, 1.0), (240, 0.406, 1.0), (300, 0.477, 1.0)]


def latent(rows):
    return [
        {"step": s, "progress": s / 300, "diversity": d, "active_share": a, "active_units": 32 * a}
        for s, d, a in rows
    ]


def test_a_young_decoder_whose_latents_are_in_use_has_not_collapsed():
    """At no validation: strict=true ends a run at the first error."""
    for count in range(1, len(YOUNG) + 1):
        said = judge(latent(YOUNG[:count]))
        assert [f.code for f in said if f.severity == "error"] == []
    assert "little_diversity" in [f.code for f in judge(latent(YOUNG))]
    classes = [{**row, "class_diversity": row["diversity"]} for row in latent(YOUNG)]
    assert [f.code for f in judge(classes) if f.severity == "error"] == []


def test_alike_samples_of_latents_that_say_nothing_or_of_no_latents_have_collapsed():
    idle = latent([(120, 0.052, 0.0), (180, 0.059, 0.0), (240, 0.064, 0.0), (300, 0.063, 0.0)])  # β of 30
    for count in range(2, 5):
        said = judge(idle[:count])
        assert {"collapsed", "posterior_collapse"} <= {f.code for f in said if f.until is None}
    hardly = latent([(s, d, 0.05) for s, d, _ in YOUNG])
    assert "collapsed" in {f.code for f in judge(hardly[:3])}
    game = [{k: row[k] for k in ("step", "progress", "diversity")} for row in latent(YOUNG)]
    assert [f.code for f in judge(game[:3]) if f.severity == "error"] == ["collapsed"]
