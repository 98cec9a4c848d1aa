"""What counts as a failure of training: rules on hand-made histories."""

import json
import re

import pytest

from genkit.core.rule import Rule
from genkit.diagnostics import findings, general_rules
from genkit.diagnostics.findings import judge
from genkit.diagnostics.general_rules import rules_for
from genkit.families.dcgan import DCGAN
from genkit.families.gpt import GPT
from genkit.families.vae import VAE

HIGH = Rule(code="high", severity="error", measure="x", above=1.0, advice="lower it.", patience=2, after=0.2)
JUDGED = {family.__name__: rules_for(family.rules, family.remedies) for family in (GPT, DCGAN, VAE)}
# Every rule there is, with the rules beside which it is asked.
EVERY = {rule.code: (rule, rules) for rules in (general_rules.RULES, *JUDGED.values()) for rule in rules}


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


@pytest.mark.parametrize("code", EVERY)
def test_every_rule_fires_on_its_side_alone(code):
    rule, rules = EVERY[code]
    up = rule.above is not None
    wrong, right = (1e6, -1e6) if up else (-1e6, 1e6)
    same = [other for other in rules if other.measure == rule.measure]
    if opposite := [other for other in same if (other.above is not None) is not up]:
        right = (rule.threshold + opposite[0].threshold) / 2  # bad on both sides: good between them

    def codes(value):
        return [f.code for f in judge(history(*[value] * 5, measure=rule.measure.replace("*", "x")), rules)]

    assert rule.code in codes(wrong) or set(rule.said_by) & set(codes(wrong))
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


def beyond(rule):
    """A number on the wrong side."""
    return rule.threshold + (1 if rule.above is not None else -1)


@pytest.mark.parametrize("code", ["memorised", "overfitting", "copies"])
def test_nobody_is_told_to_train_longer_who_has_trained_too_long(code):
    """Every rule is broken, but for those that say that."""
    too_long, rules = EVERY[code][0], [rule for rule, _ in EVERY.values()]
    assert too_long.too_long
    rows = [{"step": step, "progress": step / 100} for step in (40, 60, 80, 100)]
    for row in rows:
        for rule in rules:
            if rule.measure not in ("gap", "copied", "distinct_examples", "known_examples"):
                row[rule.measure.replace("*", "x")] = beyond(rule)
    said = judge(rows, rules)
    assert sum("train longer" in finding.advice for finding in said) >= 3
    for row in rows:
        row[too_long.measure] = too_long.threshold + 0.01
    found = judge(rows, rules)
    assert code in {finding.code for finding in found}
    assert not [finding.code for finding in found if "train longer" in finding.advice]


@pytest.mark.parametrize(("measure", "code"), [("gap", "memorised"), ("copied", "copies")])
def test_what_has_come_up_at_the_last_validation_is_said(measure, code):
    assert [f.code for f in judge(history(0.1, 0.1, 0.1, 1.2, measure=measure))] == [code]


def test_a_training_that_is_validated_once_is_judged_by_that():
    """At its end; before, a rule waits for as many measurements as it asks for."""
    for rule, _ in EVERY.values():
        wrong = {rule.measure.replace("*", "x"): beyond(rule)}
        alone = [{"step": 100, "progress": 1.0, **wrong}]
        assert [f.code for f in judge(alone, [rule])] == [rule.code]
    half = [{"step": 50, "progress": 0.5, "diversity": 0.1}]
    assert judge(half) == []
    assert [f.code for f in judge([*half, {"step": 100, "progress": 1.0, "diversity": 0.9}])] == []


def test_a_star_stands_for_every_number_that_begins_so():
    still = Rule(code="still", severity="error", measure="moved/*", below=1e-6, advice="look.", patience=1)
    rows = [
        {"step": 20, "progress": 0.5, "moved/a": 0.1, "moved/b": 0.0, "moved": 0.0},
        {"step": 40, "progress": 1.0, "moved/a": 0.0, "moved/b": 0.0},
    ]
    assert [(f.measure, f.step) for f in judge(rows, [still])] == [("moved/a", 40), ("moved/b", 20)]


@pytest.mark.parametrize("family", JUDGED)
def test_a_family_has_each_code_once_and_knows_what_says_it_better(family):
    codes = [rule.code for rule in JUDGED[family]]
    assert len(set(codes)) == len(codes)
    assert {code for rule in JUDGED[family] for code in rule.said_by} <= set(codes)


def test_the_general_rules_name_no_familys_knobs():
    """What a family's own knobs can do is said for that family alone."""
    knobs = {"model.conditional"}  # of every family that takes labels
    for rule in general_rules.RULES:
        assert set(re.findall(r"model\.\w+", rule.advice)) <= knobs, rule.code
    told = {name: {rule.code: rule.advice for rule in rules} for name, rules in JUDGED.items()}
    assert told["DCGAN"]["collapsed"].endswith("lower optim.lr; or set model.r1 or model.loss=hinge.")
    assert told["VAE"]["collapsed"].endswith("lower optim.lr; or lower model.beta.")
    assert told["GPT"]["collapsed"].endswith("or lower optim.lr.")
    assert told["GPT"]["memorised"].endswith("optim.weight_decay; or set model.dropout.")


def test_a_familys_rules_stand_before_those_of_results_and_in_the_place_of_general_ones():
    first, last = general_rules.OF_TRAINING[0], general_rules.OF_RESULTS[-1]
    softer = Rule(code="collapsed", severity="warning", measure="diversity", below=0.1, advice="wait.")
    rules = rules_for((HIGH, softer), {"copies": "look"})
    assert [rule.code for rule in rules].index("high") == len(general_rules.OF_TRAINING)
    assert (rules[0], rules[-1].advice) == (first, last.advice.removesuffix(".") + "; or look.")
    rows = history(0.2, 0.2, measure="diversity", start=0.5)
    assert [f.code for f in judge(rows, rules)] == ["little_diversity"]
    assert [f.code for f in judge([{**row, "x": 2.0} for row in rows], rules)] == ["high", "little_diversity"]


def test_a_rule_has_one_threshold():
    for wrong in ({}, {"above": 1.0, "below": 0.0}):
        with pytest.raises(ValueError, match="give one threshold, above or below"):
            Rule(code="x", severity="error", measure="x", advice="no.", **wrong)


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
        said = judge(latent(YOUNG[:count]), JUDGED["VAE"])
        assert [f.code for f in said if f.severity == "error"] == []
    assert "little_diversity" in [f.code for f in judge(latent(YOUNG), JUDGED["VAE"])]
    classes = [{**row, "class_diversity": row["diversity"]} for row in latent(YOUNG)]
    assert [f.code for f in judge(classes) if f.severity == "error"] == []


def test_alike_samples_of_latents_that_say_nothing_or_of_no_latents_have_collapsed():
    idle = latent([(120, 0.052, 0.0), (180, 0.059, 0.0), (240, 0.064, 0.0), (300, 0.063, 0.0)])  # β of 30
    for count in range(2, 5):
        said = judge(idle[:count], JUDGED["VAE"])
        assert {"collapsed", "posterior_collapse"} <= {f.code for f in said if f.until is None}
    hardly = latent([(s, d, 0.05) for s, d, _ in YOUNG])
    assert "collapsed" in {f.code for f in judge(hardly[:3])}
    game = [{k: row[k] for k in ("step", "progress", "diversity")} for row in latent(YOUNG)]
    assert [f.code for f in judge(game[:3]) if f.severity == "error"] == ["collapsed"]
