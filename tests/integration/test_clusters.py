"""Started by others: torchrun's processes train one run, and a job of SLURM is queued again and goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genkit import train
from genkit.runs import Run, read
from genkit.system.errors import ConfigError
from genkit.training import processes
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
    assert read(tmp_path / "theirs").step == 6


@pytest.mark.slow
def test_several_processes_need_a_name_to_find_their_run(tmp_path):
    typed = [word for word in two(tmp_path, "none") if not word.startswith("name=")]
    done = torchrun("train", *typed)
    assert done.returncode != 0
    assert "2 processes train one run; give it a name=" in done.stderr
    assert not list(tmp_path.iterdir())


# Left by trainings that are over, in parts: of torchrun, of a batch script of SLURM.
LEFT = {
    "LOCAL_RANK": "1",
    "RANK": "1",
    "WORLD_SIZE": "2",
    "MASTER_PORT": "1",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "SLURM_JOB_ID": "7",
    "SLURM_PROCID": "1",
    "SLURM_NTASKS": "2",
}


def test_what_a_launcher_has_left_does_not_make_a_process_the_second(tmp_path, monkeypatch):
    for name, value in LEFT.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run(
        [sys.executable, "-m", "genkit", "train", *words("vae", tmp_path, "run", "budget.steps=2")],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "run").step == 2
    assert (tmp_path / "run" / "metrics.csv").read_text().count("\n") > 1  # written by the first alone


@pytest.mark.slow
def test_what_a_launcher_has_left_does_not_keep_two_from_training(tmp_path, monkeypatch):
    for name, value in LEFT.items():
        monkeypatch.setenv(name, value)
    record = train(two(tmp_path, "run"))
    assert (record["status"], record["step"]) == ("finished", 4)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_wait_for_a_process_that_never_comes(number, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    first = {"TORCHELASTIC_RUN_ID": "a", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GROUP_RANK": "0"}
    first |= {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}
    process = start("train", *two(tmp_path, "run"), **first)
    try:
        deadline = time.monotonic() + 100
        while not _listens(int(port)):  # it waits for the second
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        process.send_signal(number)
        _, err = process.communicate(timeout=100)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 128 + number, err
    assert f"genkit: interrupted by {number.name}" in err
    assert read(tmp_path / "run").status == "interrupted"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_library_is_told_what_the_command_line_is(tmp_path, monkeypatch):
    whole = {"TORCHELASTIC_RUN_ID": "a", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", "GROUP_RANK": "0"}
    whole |= {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    for name, value in whole.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"trainer.devices=1 .* process 1 of 2"):
        train(words("vae", tmp_path, "run"))
    with pytest.raises(ConfigError, match="2 processes train one run; give it a name="):
        train([word for word in two(tmp_path, "run") if not word.startswith("name=")])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", ["failed", "diverged", "interrupted", "finished"])
def test_nobody_waits_for_a_first_process_that_has_ended(status, tmp_path):
    run = Run.create(tmp_path, "run")
    run.update(status=status, start="1")
    with pytest.raises(ConfigError, match="was not begun by the first process"):
        processes.wait_for_first(run, "1")


def test_more_processes_than_cores_are_refused(tmp_path, genkit):
    most = max(2, len(os.sched_getaffinity(0)))
    typed = [word for word in two(tmp_path, "run") if not word.startswith("batch_size=")]
    code, _, err = genkit("train", *typed, f"batch_size={most + 1}", f"trainer.devices={most + 1}")
    assert code == 2
    assert f"trainer.devices={most + 1}" in err
    assert f"give at most {most}" in err
    assert not list(tmp_path.iterdir())


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
    step = read(tmp_path / "runs" / "run").step

    process = start("train", *typed, **job, SLURM_RESTART_COUNT="1")
    wait_for_step(tmp_path / "runs" / "run", step + 2, process)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "going on with" in out
    assert asked.read_text() == "requeue 7\n"  # who is told to end is not queued again
