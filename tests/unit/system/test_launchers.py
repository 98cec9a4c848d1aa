"""What launchers leave in the environment: believed where it is whole and fits, else of no effect."""

import os

import pytest

from genkit.system.errors import ConfigError
from genkit.system.launchers import Rank, place, place_of, settled

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_RESTART_COUNT": "0",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "GROUP_RANK": "1",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29500",
}
# Of `srun --ntasks=4 --nodes=2` in a job of eight tasks.
SRUN = {
    "SLURM_JOB_ID": "70123",
    "SLURM_JOB_NAME": "train.sh",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_NTASKS": "4",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_STEP_NODELIST": "gpu[07-08,11]-b,cpu1",
}
# What a batch script of eight tasks has before any srun.
BATCH = {
    "SLURM_JOB_ID": "70123",
    "SLURM_JOB_NAME": "train.sh",
    "SLURM_NTASKS": "8",
    "SLURM_NTASKS_PER_NODE": "4",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_JOB_NODELIST": "gpu[07-08]",
}


def without(env, *names):
    return {name: value for name, value in env.items() if name not in names}


def test_a_whole_environment_is_believed():
    there = place(TORCHRUN)
    assert (there.rank, there.count, there.local, there.node) == (3, 4, 1, 1)
    assert (there.launcher, there.address, there.port) == ("torchrun", "10.0.0.1", 29500)
    there = place(SRUN)
    assert (there.rank, there.count, there.local, there.node) == (3, 4, 1, 1)
    assert (there.launcher, there.address, there.port) == ("srun", "gpu07-b", 15123)
    assert place({**SRUN, "MASTER_ADDR": "a", "MASTER_PORT": "99"}).port == 99
    assert place({**BATCH, **TORCHRUN}).launcher == "torchrun"  # torchrun in a batch script


@pytest.mark.parametrize(
    "nodes", ["gpu07", "gpu07,gpu08", "gpu[07]", "gpu[07-09]", "gpu[07,09],a[1-2]", "gpu07,a[1-2]"]
)
def test_the_first_host_of_a_list_of_slurm(nodes):
    assert place({**SRUN, "SLURM_STEP_NODELIST": nodes}).address == "gpu07"


PARTS = {
    "local-rank": {"LOCAL_RANK": "0"},
    "local-rank-of-the-second": {"LOCAL_RANK": "1"},
    "rank-and-size": {"RANK": "1", "WORLD_SIZE": "2"},
    "no-run-id": without(TORCHRUN, "TORCHELASTIC_RUN_ID"),
    "no-port": without(TORCHRUN, "MASTER_PORT"),
    "rank-beyond": {**TORCHRUN, "RANK": "4"},
    "local-beyond": {**TORCHRUN, "LOCAL_RANK": "2"},
    "more-here-than-at-all": {**TORCHRUN, "LOCAL_WORLD_SIZE": "8"},
    "no-number": {**TORCHRUN, "RANK": "x"},
    "a-digit-elsewhere": {**TORCHRUN, "RANK": "²"},
    "batch": BATCH,
    "batch-step": {**BATCH, "SLURM_STEP_ID": str(0xFFFFFFFB), "SLURM_STEP_NUM_TASKS": "8"},
    "interactive": {**SRUN, "SLURM_STEP_ID": str(0xFFFFFFFA)},
    "shell": {**SRUN, "SLURM_JOB_NAME": "bash"},
    "another-size": {**SRUN, "SLURM_NTASKS": "8"},
    "no-step": without(SRUN, "SLURM_STEP_ID"),
    "procid-beyond": {**SRUN, "SLURM_PROCID": "9"},
    "empty": {"LOCAL_RANK": "", "SLURM_PROCID": ""},
}


@pytest.mark.parametrize("given", PARTS.values(), ids=PARTS)
def test_parts_of_an_environment_are_not(given, monkeypatch):
    assert place(given) == Rank()
    assert place_of(2, 1, given) == Rank()  # so this one starts both
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with settled():  # what libraries would take a place from
        told = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT", "SLURM_PROCID", "SLURM_NTASKS"}
        assert not told & set(os.environ)
        assert "TORCHELASTIC_USE_AGENT_STORE" not in os.environ
        assert os.environ.get("SLURM_JOB_ID") == given.get("SLURM_JOB_ID")
    assert {name: os.environ[name] for name in given} == given


@pytest.mark.parametrize("given", [TORCHRUN, SRUN], ids=["torchrun", "srun"])
def test_what_is_believed_stays(given, monkeypatch):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with settled():
        assert {name: os.environ[name] for name in given} == given
    assert place_of(2, 2) == place(given)


@pytest.mark.parametrize(("devices", "nodes"), [(1, 1), (2, 1), (8, 1), (4, 1), (1, 4)])
def test_another_number_than_asked_for_is_refused(devices, nodes):
    with pytest.raises(
        ConfigError, match=r"torchrun says that this is process 3 of 4 .*\(env -u RANK -u WORLD"
    ):
        place_of(devices, nodes, TORCHRUN)


def test_tasks_of_slurm_may_each_train_alone():
    assert place_of(1, 1, SRUN) == Rank()
    with pytest.raises(ConfigError, match="srun says that this is process 3 of 4"):
        place_of(2, 1, SRUN)


def test_several_machines_need_a_launcher():
    with pytest.raises(ConfigError, match="started by torchrun or srun"):
        place_of(2, 2, BATCH)


def test_what_lightning_would_take_for_arguments_of_its_trainer_is_not_obeyed(monkeypatch):
    from pytorch_lightning import Trainer

    monkeypatch.setenv("PL_TRAINER_MAX_EPOCHS", "0")
    with settled():
        assert Trainer(logger=False, barebones=True, accelerator="cpu").max_epochs != 0
    assert os.environ["PL_TRAINER_MAX_EPOCHS"] == "0"
