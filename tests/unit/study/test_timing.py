"""When a study will have ended: by the members that have, arm by arm."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from genkit.report.sources import read_study
from genkit.runs.studies import Outcome, Planned
from genkit.study import running
from genkit.study.timing import time_left
from tests.unit.report.report_runs import row, write_run, write_study

MEMBERS = [Planned(i, arm, i // 2, f"{arm}-{i // 2}") for i, arm in enumerate(("gpt", "vae") * 3)]


def outcomes(*ended):
    return {member.number: dict(ended).get(member.number, Outcome()) for member in MEMBERS}


def test_each_missing_member_takes_what_those_of_its_arm_took():
    found = outcomes(
        (0, Outcome("finished", seconds=100)),
        (1, Outcome("finished", seconds=10)),
        (2, Outcome("finished", seconds=140)),
    )
    assert time_left(MEMBERS, found, MEMBERS[3:]) == 10 + 120 + 10
    assert time_left(MEMBERS, found, []) == 0


def test_of_an_arm_that_has_not_finished_nothing_is_known():
    found = outcomes((0, Outcome("finished", seconds=100)), (1, Outcome("failed", "it broke", 2, seconds=1)))
    assert time_left(MEMBERS, found, MEMBERS[2:]) is None
    assert time_left(MEMBERS, found, [MEMBERS[2]]) == 100
    old = outcomes(
        (0, Outcome("finished")), (1, Outcome("finished", seconds=1))
    )  # of a version without times
    assert time_left(MEMBERS, old, [MEMBERS[2]]) is None


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(running.console, "print", lambda line: lines.append(line))
    return lines


@pytest.mark.parametrize("alone", [True, False])
def test_a_member_that_has_finished_says_what_is_left(alone, said, monkeypatch, tmp_path):
    found = outcomes((0, Outcome("finished", seconds=600)), (1, Outcome("finished", seconds=60)))
    monkeypatch.setattr(running, "read_members", lambda folder: MEMBERS)
    monkeypatch.setattr(running, "read_outcome", lambda folder, number: found[number])
    monkeypatch.setattr(running, "write_outcome", lambda folder, number, ended: found.update({number: ended}))
    monkeypatch.setattr(running.time, "monotonic", lambda: 700.0)
    assert running._written(tmp_path, 2, "[3/6] gpt-1", 100.0, "finished", "", 0, alone) == 0
    left = "; 3 left, about 12 min" if alone else ""
    assert said == [f"[3/6] gpt-1: finished after 600 s{left}"]
    for number in (3, 4):
        running._written(tmp_path, number, f"[{number + 1}/6] a", 650.0, "failed", "broke", 2, alone)
    assert said[-1] == "a failed: broke"
    running._written(tmp_path, 5, "[6/6] vae-2", 640.0, "finished", "", 0, alone)
    assert said[-1] == "[6/6] vae-2: finished after 60 s"


@pytest.mark.parametrize(
    ("severity", "step", "until", "but"),
    [
        ("error", 100, None, ", but worthless: collapsed"),
        ("warning", 100, None, ""),
        ("error", 50, 90, ""),  # it was over when the checkpoint was saved
    ],
)
def test_a_member_whose_numbers_the_report_takes_for_nothing_is_called_so(
    severity, step, until, but, said, monkeypatch, tmp_path
):
    run = write_run(tmp_path / "a-0", "a", 0, [row("kid", 1.0)])  # of step 100
    write_study(tmp_path, [("a", 0, None), ("a", 1, None)])
    finding = {"severity": severity, "code": "collapsed", "step": step, "until": until, "advice": "Stop."}
    (run / "findings.json").write_text(json.dumps({"findings": [finding]}))
    monkeypatch.setattr(running.time, "monotonic", lambda: 125.0)
    running._written(tmp_path, 0, "[1/2] a-0", 100.0, "finished", "", 0, True)
    assert said == [f"[1/2] a-0: finished after 25 s{but}; 1 left, about 25 s"]
    assert (read_study(tmp_path)[1][0].worthless != "") == (but != "")
    (run / "evaluation.jsonl").write_text("no row")  # (a damaged one is another command's to refuse)
    running._written(tmp_path, 0, "[1/2] a-0", 100.0, "finished", "", 0, True)
    assert said[-1] == "[1/2] a-0: finished after 25 s; 1 left, about 25 s"


def test_a_log_is_told_a_member_s_last_line_when_it_is_another(said, tmp_path):
    log = tmp_path / "log"

    class Process:
        """Whose log has three lines, the last of which stays, and which ends then."""

        lines = iter(("step 1\n", "step 2\x1b[2J\n", "", ""))

        def wait(self, timeout):
            with open(log, "a") as file:
                line = next(self.lines, None)
                if line is None:
                    return 7
                file.write(line)
            raise subprocess.TimeoutExpired(sys.executable, timeout)

    assert running._logged(Process(), log, "[1/2] a-0") == 7
    assert said == ["[1/2] a-0  step 1", "[1/2] a-0  step 2\N{REPLACEMENT CHARACTER}[2J"]
