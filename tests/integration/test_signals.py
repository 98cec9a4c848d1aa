"""Interrupted from outside: SIGINT, SIGTERM and SIGKILL leave a run that goes on; one run has one trainer."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import genkit as library
from genkit import train
from genkit.runs import Run, checkpoints, read
from tests.integration.conftest import start, weights_of, words

LONG = [
    "budget.steps=100000",
    "trainer.val_every=100000",
    "callbacks.checkpoint.every=2",
    "trainer.log_every=1",
]


def wait_for_step(run: Path, step: int, process) -> None:
    """Until the run has a checkpoint of at least this step."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if any(found >= step for found in checkpoints.available(run / "checkpoints")):
            return
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no step {step} in time")


@pytest.fixture
def running(tmp_path):
    """A training in a process of its own that has saved a few checkpoints."""
    process = start("train", *words("dcgan", tmp_path, "run", *LONG))
    try:
        wait_for_step(tmp_path / "run", 4, process)
        yield process
    finally:
        process.kill()
        process.communicate()


def goes_on_exactly(run: Path, steps_after: int = 3) -> None:
    """Resume exactly: a run that was never interrupted ends with the same bytes."""
    before = checkpoints.available(run / "checkpoints")[-1]
    step = before + steps_after
    typed = [f"budget.steps={step}", "callbacks.checkpoint.every=1"]
    record = train([f"resume={run}", f"paths.runs_dir={run.parent}", *typed])
    assert (record["status"], record["step"]) == ("finished", step)
    more = [*(word for word in LONG if not word.startswith(("budget", "callbacks"))), *typed]
    # (DCGAN's rate is constant after the warm-up: no schedule of the two budgets makes a difference.)
    train(words("dcgan", run.parent, "whole", *more, "callbacks.checkpoint.keep=2"))
    assert weights_of(run, step) == weights_of(run.parent / "whole", step)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_the_run_and_says_how_to_go_on(number, code, running, tmp_path):
    run = tmp_path / "run"
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == code, err
    assert "Traceback" not in err
    assert f"interrupted by {number.name}" in err
    assert "genkit train resume=run" in err
    record = read(run)
    assert record.status == "interrupted"
    assert record.step == checkpoints.available(run / "checkpoints")[-1]
    assert len(library.load(run).sample(2)) == 2


def test_a_killed_run_goes_on_exactly(running, tmp_path, capsys):
    run = tmp_path / "run"
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGKILL
    assert len(library.load(run).sample(2)) == 2
    last = checkpoints.available(run / "checkpoints")[-1]
    goes_on_exactly(run)
    said = capsys.readouterr().err
    assert f"run was left by process {running.pid}, which is no more" in said
    assert f"its last checkpoint is of step {last}" in said


def test_one_name_has_one_trainer(running, tmp_path, genkit):
    code, _, err = genkit("train", "resume=run", f"paths.runs_dir={tmp_path}")
    assert code == 7
    assert f"process {running.pid}" in err
    code, _, err = genkit("train", *words("dcgan", tmp_path, "run"))
    assert code == 7
    assert f"process {running.pid}" in err
    assert running.poll() is None  # the one that holds it goes on
    assert len(library.load(tmp_path / "run").sample(1)) == 1  # whoever only reads needs no lock


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path):
    run = Run.create(tmp_path, "run")
    (run.path / ".lock").write_text("")
    (run.path / "run.json").write_text(json.dumps({"pid": 2**22, "status": "running"}))
    with run.lock():
        other = [
            sys.executable,
            "-c",
            f"from pathlib import Path; from genkit.runs import *; Run(Path({str(run.path)!r})).lock()",
        ]
        refused = subprocess.run(other, capture_output=True, text=True)
        assert "Locked" in refused.stderr
        assert f"process {2**22}" in refused.stderr
    run.lock().release()
    subprocess.run(other, check=True)
