"""One training on two nodes, which here are two groups of processes on one machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genkit import train
from genkit.runs import read
from tests.integration.conftest import start, weights_of, words
from tests.integration.test_processes import free_ports
from tests.integration.test_signals import LONG, wait_for_step

NODES = ["trainer=ddp_cpu", "trainer.devices=1", "trainer.num_nodes=2"]


def typed(runs_dir: Path, *more: str) -> list[str]:
    """What to type on each node, of a training whose two phases share statistics of the batch."""
    plain = words("dcgan", runs_dir, "run", "trainer.threads=1", *more)
    return [*NODES, *(word for word in plain if word != "trainer=cpu")]


def by_srun(node: int, port: int) -> dict[str, str]:
    """What SLURM sets for the one task of a node."""
    job = {"SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "genkit", "SLURM_JOB_NODELIST": "localhost,127.0.0.1"}
    step = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "localhost,127.0.0.1"}
    task = {"SLURM_NTASKS": "2", "SLURM_PROCID": str(node), "SLURM_LOCALID": "0", "SLURM_NODEID": str(node)}
    return {**job, **step, **task, "MASTER_PORT": str(port)}


def on_two_nodes_of_slurm(*arguments: str) -> list[subprocess.Popen[str]]:
    port = free_ports(1)
    return [start("train", *arguments, **by_srun(node, port)) for node in range(2)]


def on_two_nodes_of_torchrun(*arguments: str) -> list[subprocess.Popen[str]]:
    place = f"--rdzv-endpoint=localhost:{free_ports(1)}"
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", place]
    command += ["--rdzv-backend=c10d", "--rdzv-id=77", "-m", "genkit", "train", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The folder with a run of two processes on one node."""
    folder = tmp_path_factory.mktemp("here")
    one_node = ["trainer.devices=2", "trainer.num_nodes=1"]
    train([*(word for word in typed(folder, "budget.steps=4") if word not in NODES[1:]), *one_node])
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("begin", [on_two_nodes_of_slurm, on_two_nodes_of_torchrun])
def test_two_nodes_train_what_two_processes_of_one_do(begin, here, tmp_path):
    nodes = begin(*typed(tmp_path, "budget.steps=4"))
    try:
        said = [node.communicate(timeout=400) for node in nodes]
    finally:
        for node in nodes:
            node.kill()
    assert [node.returncode for node in nodes] == [0, 0], said
    assert weights_of(tmp_path / "run", 4) == weights_of(here / "run", 4) != {}
    assert sum(out.count("run: ") for out, _ in said) == 1  # the first alone speaks,
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    names = [
        {str(file.relative_to(run)) for file in run.rglob("*")} for run in (tmp_path / "run", here / "run")
    ]
    assert {
        name for name in names[0] ^ names[1] if "tensorboard" not in name and "tfevents" not in name
    } == set()
    record = read(tmp_path / "run")
    assert (record.status, record.step) == ("finished", 4)  # and writes
    assert len(record.sessions) == 1


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_node_that_is_killed_ends_the_other(killed, tmp_path):
    nodes = on_two_nodes_of_slurm(*typed(tmp_path, *LONG))
    left = nodes[1 - killed]
    try:
        wait_for_step(tmp_path / "run", 4, left)
        nodes[killed].send_signal(signal.SIGKILL)
        _, err = left.communicate(timeout=200)
    finally:
        for node in nodes:
            node.kill()
            node.communicate()
    assert left.returncode == 1
    assert "Traceback" not in err
    own = [line for line in err.splitlines() if line.startswith("genkit: ")]
    assert len(own) == 1
    assert "another process of this training has ended" in own[0]
    assert own[0].endswith("Go on with: genkit train resume=run")
    if killed:  # the first one writes the record
        assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"
