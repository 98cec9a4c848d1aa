"""The search of a study: equal trials for every arm, what they find, what goes wrong, going on."""

from __future__ import annotations

import itertools
import json
import math

import pytest

from genkit.report import report
from genkit.report.numbers import number
from genkit.report.sources import read_study
from genkit.runs.studies import Trial
from genkit.study import open_study
from genkit.study.folder import member_config
from genkit.study.searching import ask, read_found
from genkit.system.errors import ConfigError
from tests.integration.studies import FAKE, run

STUDY = """
common: [data=digits, model=vae, model.network=mlp, model.hidden=16, trainer=cpu, batch_size=8]
arms: {a: [], bb: [model.beta=2]}
seeds: 2
budget: {steps: 2}
primary: fid
search:
  trials: 3
  space:
    a: {optim.lr: {low: 1e-4, high: 1e-1, log: true}, model.hidden: [8, 16]}
    bb: {optim.lr: [0.001, 0.01, 0.1]}
"""


def test_every_arm_has_as_many_trials_and_its_seeds_run_with_the_best(declare, paths):
    plan = open_study(declare(), paths)
    assert [m.name for m in plan.members][:4] == ["a-trial-0", "bb-trial-0", "a-trial-1", "bb-trial-1"]
    assert (plan.declaration.size, len(plan.members), len(plan.missing())) == (10, 10, 10)
    rows = [json.loads(line) for line in run(plan, paths).splitlines()]
    found = read_found(plan.folder)
    for arm in ("a", "bb"):
        trials = {row["trial"]: row for row in rows if row["arm"] == arm and "trial" in row}
        assert sorted(trials) == [0, 1, 2]
        best = min(trials, key=lambda trial: trials[trial]["value"])
        tried = member_config(
            plan.folder, next(m.number for m in plan.members if m.trial == best and m.arm == arm), paths
        )
        for member in plan.members:
            if member.arm == arm and member.trial is None:
                cfg = member_config(plan.folder, member.number, paths)
                assert cfg.optim.lr == tried.optim.lr == found[arm].best.values["optim.lr"]
                assert (cfg.seed, cfg.name) == (member.seed, f"{arm}-{member.seed}")
                assert (tried.seed, cfg.model.beta) == (2**32 - 1, 1.0 if arm == "a" else 2.0)
    assert not plan.missing()
    page = report(plan.folder, plan.folder / "report").read_text()
    assert "3 trials" in page
    assert f"optim.lr={found['bb'].best.values['optim.lr']}" in page
    tried = [trial.value for trial in found["bb"].trials]
    of_two = sum(min(pair) for pair in itertools.combinations(tried, 2)) / 3
    of_n = f"1: {number(sum(tried) / 3)}; 2: {number(of_two)}; 3: {number(min(tried))}"
    assert f"expected best of n trials: {of_n}" in page
    seconds = [plan.outcome(m).seconds for m in plan.members if m.arm == "bb" and m.trial is not None]
    assert f"cost: {number(sum(seconds) / 3)} s a trial, {number(sum(seconds))} s in all" in page
    assert [m.seed for m in read_study(plan.folder)[1]] == [0, 0, 1, 1]


def test_a_search_that_was_stopped_asks_the_same_questions(declare, paths, tmp_path):
    whole = run(open_study(declare(), {**paths, "runs_dir": str(tmp_path / "whole")}), paths)
    stopped = open_study(declare(), paths)
    stopped.write()
    for ended in (1, 3, 4, 8):
        plan = open_study(declare(), paths)

        class Stop(Exception):
            pass

        def program_of(plan=plan, ended=ended):
            if len(list((plan.folder / "outcomes").glob("*.json"))) >= ended:
                raise Stop
            return FAKE

        with pytest.raises(Stop):
            _one_at_a_time(plan, paths, program_of)
    assert run(open_study(declare(), paths), paths) == whole


def _one_at_a_time(plan, paths, program_of):
    """Run members one by one, asking before each whether to stop."""
    from genkit.study.running import _launch
    from genkit.study.searching import parts

    for part in parts(plan):
        for member in part:
            _launch(plan, [member], paths, (), program_of())


def test_a_trial_that_fails_counts_and_one_alone_decides(declare, paths):
    text = STUDY.replace("{optim.lr: [0.001, 0.01, 0.1]}", "{optim.lr: [0.9, 0.8]}")
    plan = open_study(declare(text), paths)
    rows = [json.loads(line) for line in run(plan, paths).splitlines()]
    said = {
        (row["arm"], row.get("trial")): (row["status"], row["note"]) for row in rows if row["value"] is None
    }
    assert said["bb", 0] == ("diverged", "diverged: a loss is nan.")
    assert said["bb", None] == ("failed", "failed: no trial of its search gave a number of fid")
    assert {row["status"] for row in rows if row["arm"] == "a"} == {"finished"}
    assert read_found(plan.folder)["bb"].best is None
    assert not plan.missing()


def test_seeds_added_later_run_with_what_was_found(declare, paths):
    run(open_study(declare(), paths), paths)
    more = open_study(declare(seeds="3"), paths)
    assert [m.name for m in more.members[-2:]] == ["a-2", "bb-2"]
    run(more, paths)
    cfgs = [
        member_config(more.folder, m.number, paths) for m in more.members if m.trial is None and m.arm == "a"
    ]
    assert len({cfg.optim.lr for cfg in cfgs}) == 1
    for old, new in (("trials: 3", "trials: 4"), ("[8, 16]", "[8]"), ("primary: fid", "primary: kid")):
        with pytest.raises(ConfigError, match="another search"):
            open_study(declare(STUDY.replace("seeds: 2", "seeds: 3").replace(old, new)), paths)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("trials: 3", "trials: 0", "trials=0: give a number from 1"),
        ("trials: 3", "trial: 3", "has no trial. Did you mean trials"),
        ("    bb: {optim.lr: [0.001, 0.01, 0.1]}", "", "arm bb has no space; every arm gets as many trials"),
        ("    bb: {", "    b: {", "there is no arm b"),
        ("[0.001, 0.01, 0.1]", "[]", "neither a list of values"),
        ("[0.001, 0.01, 0.1]", "0.1", "neither a list of values"),
        ("[0.001, 0.01, 0.1]", "{low: 1, high: 1}", "low < high|the lower first"),
        ("[0.001, 0.01, 0.1]", "{low: 0, high: 1, log: true}", "above 0 with log"),
        ("[0.001, 0.01, 0.1]", "{low: 0, up: 1}", "a range has no up"),
        ("optim.lr: [", "optim: [", "no dotted key"),
        ("optim.lr: [", "data.size: [", "the same for all runs"),
        ("  trials: 3", "  trials: 3\n  seed: 1", "one of the study's own"),
        ("primary: fid", "question: Which", "needs a primary metric"),
        ("{steps: 2}", "{flops: 1.0e9}", "a search of model.hidden changes what a step costs"),
        ("primary: fid", "primary: fids", "primary=fids is no metric of an evaluation. Did you mean fid"),
    ],
)
def test_what_no_search_can_be_is_refused(declare, old, new, said):
    with pytest.raises(ConfigError, match=said):
        declare(STUDY.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("optim.lr: [0.001", "optim.rate: [0.001", "arm bb: there is no key optim.rate"),
        ("[0.001, 0.01, 0.1]", "[0.001, -1]", "arm bb: optim.lr"),
        ("[8, 16]", "[8, many]", "arm a: model.hidden"),
        ("primary: fid", "primary: mauve", "primary=mauve is of texts, and the data are images"),
        ("data=digits", "data=mnist, data.split=peer", "one part for validation and test, so a search"),
    ],
)
def test_values_that_no_training_takes_are_refused_before_any_trial(declare, paths, data_dir, old, new, said):
    with pytest.raises(ConfigError, match=said):
        open_study(declare(STUDY.replace(old, new)), paths)


def test_what_is_asked_next_follows_from_what_was_told():
    """On a valley in one range, trials that have been told where it is fall nearer to it than blind ones."""
    space = {"optim.lr": {"low": 1e-5, "high": 1.0, "log": True}}
    trials = []
    for _ in range(24):
        values = ask("a", 24, space, trials)
        assert values == ask("a", 24, space, trials)
        assert 1e-5 <= values["optim.lr"] <= 1.0
        far = abs(math.log10(values["optim.lr"]) + 3)
        trials.append(Trial(values=values, value=far))
    blind, told = (sorted(t.value for t in part)[5] for part in (trials[:12], trials[12:]))
    assert told < blind
    assert len({t.values["optim.lr"] for t in trials}) > 12
