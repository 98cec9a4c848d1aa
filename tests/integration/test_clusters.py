"""Started by others: torchrun's processes train one run, and a job of SLURM is queued again and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genkit import ranks, train
from genkit.runs import read
from tests.integration.conftest import start, weights_of, words
from tests.integration.test_signals import LONG, wait_for_step


def two(runs_dir: Path, name: str) -> list[str]:
    """What to type for a training in two processes."""
    typed = words("vae", runs_dir, name, "trainer.threads=1", "budget.steps=4")
    return ["trainer=ddp_cpu", *(word for word in typed if word != "trainer=cpu")]


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "genkit"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=200
    )


@pytest.mark.slow
def test_processes_that_torchrun_starts_train_what_our_own_do(tmp_path):
    typed = two(tmp_path, "theirs")
    done = torchrun("train", *typed)
    assert done.returncode == 0, done.stderr
    train(two(tmp_path, "ours"))
    assert weights_of(tmp_path / "theirs", 4) == weights_of(tmp_path / "ours", 4) != {}
    assert done.stdout.count("run: ") == 1  # the others are silent
    again = torchrun("train", "resume=theirs", "budget.steps=6", f"paths.runs_dir={tmp_path}")
    assert again.returncode == 0, again.stderr
    assert read(tmp_path / "theirs")["step"] == 6


@pytest.mark.slow
def test_several_processes_need_a_name_to_find_their_run(tmp_path):
    typed = [word for word in two(tmp_path, "none") if not word.startswith("name=")]
    done = torchrun("train", *typed)
    assert done.returncode != 0
    assert "2 processes train one run; give it a name=" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, (0, 1)),
        ({"RANK": "3", "WORLD_SIZE": "4"}, (0, 1)),  # set by somebody who started nothing
        ({"RANK": "3", "WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "a"}, (3, 4)),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_JOB_ID": "7"}, (1, 2)),
        ({"SLURM_PROCID": "0", "SLURM_JOB_ID": "7"}, (0, 1)),
        ({"SLURM_PROCID": "x", "SLURM_NTASKS": "2"}, (0, 1)),
    ],
)
def test_the_place_among_those_that_others_started(given, found, monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert ranks.place() == found
    assert (ranks.start() is None) == (found[1] == 1)


@pytest.mark.slow
def test_a_job_whose_time_ends_is_queued_again_and_goes_on(tmp_path):
    """SLURM itself is a script that writes down how it was asked."""
    asked, tools = tmp_path / "asked", tmp_path / "bin"
    tools.mkdir()
    (tools / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    (tools / "scontrol").chmod(0o755)
    job = {"SLURM_JOB_ID": "7", "PATH": f"{tools}:{os.environ['PATH']}"}
    typed = words("dcgan", tmp_path / "runs", "run", *LONG)
    process = start("train", *typed, **job)
    wait_for_step(tmp_path / "runs" / "run", 4, process)
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGUSR1, err
    assert asked.read_text() == "requeue 7\n"
    step = read(tmp_path / "runs" / "run")["step"]

    process = start("train", *typed, **job, SLURM_RESTART_COUNT="1")
    wait_for_step(tmp_path / "runs" / "run", step + 2, process)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "going on with" in out
    assert asked.read_text() == "requeue 7\n"  # who is told to end is not queued again
