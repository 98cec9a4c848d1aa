"""`strict=true`: a training that has become worthless ends, says why, keeps what it has, and is no result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genkit import train
from genkit.diagnostics.health import FILE
from genkit.runs import checkpoints, read
from genkit.system.errors import Unsound
from tests.integration.conftest import words

STILL = ["optim.lr=1e-30", "optim.warmup=0", "budget.steps=12", "trainer.val_every=3"]


def typed(family: str, folder: Path, *more: str, name: str = "run") -> list[str]:
    """The words of a training; the last one for a key counts."""
    every = words(family, folder, name, *more)
    return list({word.partition("=")[0]: word for word in every}.values())


def findings(run: Path) -> dict[str, dict]:
    return {found["code"]: found for found in json.loads((run / FILE).read_text())["findings"]}


def test_an_error_is_a_remark_unless_the_training_is_strict(tmp_path):
    record = train(typed("vae", tmp_path, *STILL))
    assert (record["status"], record["step"]) == ("finished", 12)
    found = findings(tmp_path / "run")["standing_still"]
    assert (found["severity"], found["step"], found["value"]) == ("error", 3, 0.0)


def test_a_strict_training_ends_at_the_validation_that_finds_the_error(tmp_path, genkit):
    code, _, err = genkit("train", *typed("vae", tmp_path, "strict=true", *STILL))
    assert code == 5
    said = err.strip().splitlines()[-1]
    assert said.startswith("genkit: strict=true: error: standing_still at step 3: moved/")
    assert "raise its optim.lr" in said
    record = read(tmp_path / "run")
    assert (record.status, record.step) == ("diverged", 3)
    assert "standing_still" in record.reason
    assert checkpoints.available(tmp_path / "run" / "checkpoints") == [3]

    again = ("train", "resume=run", f"paths.runs_dir={tmp_path}")
    code, _, err = genkit(*again)
    assert "note: it ended as diverged at step 3: Unsound: strict=true: error: standing_still" in err
    assert code == 5  # three steps later it is no better
    assert read(tmp_path / "run").step == 6

    # A raised rate is an answer, and the reason of the end before is none of this one's.
    code, _, err = genkit(*again, "optim.lr=1e-3", "budget.steps=9", "strict=false")
    assert code == 0, err
    assert read(tmp_path / "run").reason is None
    assert findings(tmp_path / "run")["standing_still"]["until"] == 9  # the next validation


def test_what_ended_worthless_is_not_finished_by_a_resume_with_nothing_left(tmp_path):
    few = [*STILL[:2], "budget.steps=3", "trainer.val_every=3", "strict=true"]
    with pytest.raises(Unsound, match="standing_still"):
        train(typed("gpt", tmp_path, *few))
    assert read(tmp_path / "run").step == 3  # the last step, whose checkpoint is kept
    with pytest.raises(Unsound, match="standing_still"):
        train(["resume=run", f"paths.runs_dir={tmp_path}"])
    assert read(tmp_path / "run").status == "diverged"
    train(["resume=run", f"paths.runs_dir={tmp_path}", "strict=false"])
    assert read(tmp_path / "run").status == "finished"


@pytest.mark.parametrize(
    ("key", "code_", "severity", "measure"),
    [
        ("optim.warmup", "warmup_too_long", "warning", "rising/learning rate"),
        ("model.beta_warmup", "schedule_too_long", "error", "rising/model.beta_warmup"),
    ],
)
def test_a_schedule_longer_than_the_run_is_said_before_anything_is_trained(
    tmp_path, key, code_, severity, measure, genkit
):
    long = ("budget.steps=4", f"{key}=9")
    code, _, err = genkit("train", *typed("vae", tmp_path, *long))
    assert code == 0
    assert err.count(f"{severity}: {code_} at step 0") == 1
    found = findings(tmp_path / "run")[code_]
    assert (found["measure"], found["value"], found["threshold"]) == (measure, 2.25, 1)
    code, _, err = genkit("train", *typed("vae", tmp_path, *long, "strict=true", name="strict"))
    assert code_ in findings(tmp_path / "strict")
    assert code == (5 if severity == "error" else 0)
    if code:
        assert f"genkit: strict=true: error: {code_}" in err
        assert not checkpoints.available(tmp_path / "strict" / "checkpoints")


@pytest.mark.slow
def test_of_several_processes_all_end_by_what_the_first_has_found(tmp_path, genkit):
    two = ["trainer.threads=1", "strict=true", *STILL]
    every = [word for word in typed("vae", tmp_path, *two) if word != "trainer=cpu"]
    code, _, err = genkit("train", "trainer=ddp_cpu", *every)
    assert code == 5, err
    assert read(tmp_path / "run").status == "diverged"
    assert checkpoints.available(tmp_path / "run" / "checkpoints") == [3]
    assert "standing_still" in findings(tmp_path / "run")


def test_numbers_that_are_not_finite_are_a_finding_and_replace_no_checkpoint(tmp_path, genkit):
    code, _, err = genkit("train", *typed("vae", tmp_path, "optim.lr=1e30", "budget.steps=20"))
    assert code == 5
    found = findings(tmp_path / "run")["not_finite"]
    assert (found["severity"], found["value"], found["threshold"]) == ("error", 1.0, 0)
    assert f"step {found['step'] - 1}:" in err  # the update that failed would have been this step
    for step in checkpoints.available(tmp_path / "run" / "checkpoints"):
        weights = checkpoints.load(tmp_path / "run" / "checkpoints" / f"step-{step}").weights
        assert not checkpoints.not_finite(weights)
