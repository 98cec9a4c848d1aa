"""What launchers, shells, containers and clusters leave in the environment of a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.reliability.ordinary import arrays
from tools.reliability.ordinary.asking import TIMEOUT, Situation, trial
from tools.reliability.ordinary.trained import KINDS, QUICKLY, laid_out
from tools.reliability.processes import Answer
from tools.reliability.rows import Trial

GIVEN = dict(word.split("=", 1) for word in (*QUICKLY, *KINDS["vae"], "budget.steps=2", "name=new"))
TRAIN = ("train", *(f"{key}={value}" for key, value in GIVEN.items()))
TORCHRUN = {
    **{"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0"},
    **{"ROLE_RANK": "0", "ROLE_WORLD_SIZE": "2", "GROUP_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"},
    **{"MASTER_PORT": "29400", "TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_RESTART_COUNT": "0"},
    **{"TORCHELASTIC_MAX_RESTARTS": "0", "TORCHELASTIC_USE_AGENT_STORE": "True"},
}
BATCH = {
    **{"SLURM_JOB_ID": "71", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "4", "SLURM_NPROCS": "4"},
    **{"SLURM_NODEID": "0", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NNODES": "2"},
    **{"SLURM_JOB_NODELIST": "gpu[07-08]", "SLURM_TASKS_PER_NODE": "2(x2)", "SLURM_SUBMIT_DIR": "/"},
}
SRUN = {**BATCH, "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NODELIST": "gpu[07-08]"}
ONE = {"SLURM_NTASKS": "1", "SLURM_NPROCS": "1", "SLURM_STEP_NUM_TASKS": "1"}


def alone(folder: Path, answer: Answer) -> None:
    """One process has trained, and has written down what a training writes down."""
    run = folder / "runs" / "new"
    record = json.loads((run / "run.json").read_text())
    assert (record["status"], record["step"]) == ("finished", 2), record
    assert len((run / "metrics.csv").read_text().splitlines()) > 1
    assert (run / "checkpoints" / "step-2").is_dir()


def without(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in names}


LEFT = {  # believed by nobody, or of one process: it trains alone
    "LOCAL_RANK": {"LOCAL_RANK": "0"},
    "LOCAL_RANK of the second": {"LOCAL_RANK": "1"},
    "LOCAL_RANK that is no number": {"LOCAL_RANK": "x"},
    "RANK": {"RANK": "1"},
    "WORLD_SIZE": {"WORLD_SIZE": "2"},
    "WORLD_SIZE of none": {"WORLD_SIZE": "0", "RANK": "0"},
    "RANK and WORLD_SIZE": {"RANK": "1", "WORLD_SIZE": "2"},
    "a rendezvous of nobody's": {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "10.255.0.1",
        "MASTER_PORT": "1",
    },
    "MASTER_ADDR": {"MASTER_ADDR": "nohost.invalid"},
    "MASTER_PORT": {"MASTER_PORT": "abc"},
    "NODE_RANK": {"NODE_RANK": "1"},
    "torchrun's without its id": without(TORCHRUN, "TORCHELASTIC_RUN_ID"),
    "torchrun's without a port": without(TORCHRUN, "MASTER_PORT"),
    "torchrun's of one process": {**TORCHRUN, "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"},
    "SLURM's of a batch script": BATCH,
    "SLURM's of an interactive shell": {**SRUN, "SLURM_STEP_ID": str(0xFFFFFFFA), "SLURM_JOB_NAME": "bash"},
    "SLURM's of one task": {**SRUN, **ONE},
    "SLURM's of four tasks, one each": SRUN,
    "SLURM_PROCID": {"SLURM_PROCID": "3"},
    "SLURM_NTASKS": {"SLURM_NTASKS": "8"},
    "SLURM_JOB_ID": {"SLURM_JOB_ID": "12"},
    "SLURM_JOB_ID that is empty": {"SLURM_JOB_ID": "", "SLURM_NTASKS": ""},
    "Open MPI's": {
        **{"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "1"},
        **{"PMIX_RANK": "1"},
    },
    "MPICH's": {"PMI_RANK": "1", "PMI_SIZE": "2", "PMI_LOCAL_RANK": "1"},
    "LSF's": {
        **{"LSB_JOBID": "7", "LSB_HOSTS": "a b", "LSB_DJOB_RANKFILE": "/proc/nonexistent"},
        **{"JSM_NAMESPACE_SIZE": "2", "JSM_NAMESPACE_RANK": "1", "JSM_NAMESPACE_LOCAL_RANK": "1"},
    },
    "Kubeflow's": {
        **{"KUBERNETES_PORT": "tcp://10.0.0.1:443", "MASTER_ADDR": "master-0", "MASTER_PORT": "23456"},
        **{"WORLD_SIZE": "2", "RANK": "1"},
    },
    "PBS's": {"PBS_JOBID": "9.head", "PBS_NODEFILE": "/proc/nonexistent", "PBS_NUM_PPN": "4"},
    "a TPU's": {"XRT_TPU_CONFIG": "tpu_worker;0;10.0.0.2:8470", "TPU_NAME": "local"},
    "NCCL's": {"NCCL_SOCKET_IFNAME": "eth9", "NCCL_DEBUG": "INFO", "GLOO_SOCKET_IFNAME": "eth9"},
    "Lightning's defaults": {"PL_TRAINER_MAX_EPOCHS": "0", "PL_TRAINER_MAX_STEPS": "0"},
    "Lightning's seed": {"PL_GLOBAL_SEED": "abc", "PL_SEED_WORKERS": "1"},
    "CUDA_VISIBLE_DEVICES of none": {"CUDA_VISIBLE_DEVICES": "-1"},
    "CUDA_VISIBLE_DEVICES of the eighth": {"CUDA_VISIBLE_DEVICES": "7"},
    "CUDA_VISIBLE_DEVICES of nonsense": {"CUDA_VISIBLE_DEVICES": "abc"},
    "CUDA_VISIBLE_DEVICES of a MIG": {"CUDA_VISIBLE_DEVICES": "MIG-0f0f0f0f-0000-0000-0000-000000000000"},
    "Hydra's": {"HYDRA_FULL_ERROR": "1"},
    "CI": {"CI": "true", "GITHUB_ACTIONS": "true"},
    "a proxy": {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"},
    "an offline hub": {"HF_HUB_OFFLINE": "1", "HF_HOME": "/proc/nonexistent"},
    "TMPDIR that is missing": {"TMPDIR": "{f}/none"},
    "TMPDIR that cannot be written": {"TMPDIR": "/proc"},
}
REFUSED = {
    "torchrun's of two processes": TORCHRUN,
    "torchrun's of the second of two": {**TORCHRUN, "RANK": "1", "LOCAL_RANK": "1", "ROLE_RANK": "1"},
}
SITUATIONS = {
    **{f"left behind: {name}": Situation(TRAIN, 0, (), None, alone, given) for name, given in LEFT.items()},
    **{
        f"left behind: {name}": Situation(
            TRAIN, 2, ("torchrun says", "of 2", "env -u RANK"), None, None, given
        )
        for name, given in REFUSED.items()
    },
    "left behind: the cache is missing": Situation(
        TRAIN, 0, (), None, alone, {"GENKIT_CACHE_DIR": "{f}/a/b/c"}
    ),
    # What comes with the package needs no room; what is packed does.
    "left behind: the cache cannot be written": Situation(
        TRAIN, 0, (), None, alone, {"GENKIT_CACHE_DIR": "/proc/cache"}
    ),
    "left behind: the cache cannot be written, and an array is to be packed": Situation(
        arrays.WORDS,
        6,
        ("/proc",),
        arrays.saved(images=arrays.drawn(0, 255, "u1")),
        None,
        {"GENKIT_CACHE_DIR": "/proc/cache"},
    ),
    "left behind: the runs cannot be written": Situation(
        TRAIN, 6, ("/proc", "another folder"), None, None, {"GENKIT_RUNS_DIR": "/proc/runs"}
    ),
}

# ---------------------------------------------------------------------- what counts from the first line on

SAMPLE = ("sample", "run={f}/runs/run", "n=1", "max_new_tokens=3", "prompt=我")
HERE = {
    "OMP_NUM_THREADS=0": {"OMP_NUM_THREADS": "0"},
    "OMP_NUM_THREADS of nothing": {"OMP_NUM_THREADS": ""},
    "OMP_NUM_THREADS of nonsense": {"OMP_NUM_THREADS": "many"},
    "OMP_NUM_THREADS=64": {"OMP_NUM_THREADS": "64", "MKL_NUM_THREADS": "64"},
    "MKL_NUM_THREADS=0": {"MKL_NUM_THREADS": "0"},
    "PYTHONHASHSEED=0": {"PYTHONHASHSEED": "0"},
    "PYTHONHASHSEED=4294967295": {"PYTHONHASHSEED": "4294967295"},
    "LANG=C": {"LANG": "C", "LC_ALL": "C"},
    "LC_ALL=POSIX": {"LC_ALL": "POSIX"},
    "a locale that is not there": {"LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE@euro"},
    "LANG=C without UTF-8": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "PYTHONIOENCODING=ascii": {"PYTHONIOENCODING": "ascii"},
    "PYTHONIOENCODING=cp1252": {"PYTHONIOENCODING": "cp1252"},
    "TERM=dumb": {"TERM": "dumb"},
    "TERM of nothing": {"TERM": ""},
    "NO_COLOR": {"NO_COLOR": "1"},
    "FORCE_COLOR": {"FORCE_COLOR": "1"},
    "COLUMNS=20": {"COLUMNS": "20"},
    "COLUMNS=0": {"COLUMNS": "0", "LINES": "0"},
    "COLUMNS of nonsense": {"COLUMNS": "wide"},
    "HOME that is missing": {"HOME": "/proc/nonexistent"},
    "PYTHONOPTIMIZE=2": {"PYTHONOPTIMIZE": "2"},
    "PYTHONUNBUFFERED": {"PYTHONUNBUFFERED": "1"},
    "a time zone of nowhere": {"TZ": "Nowhere/None"},
    "PYTHONWARNINGS=ignore": {"PYTHONWARNINGS": "ignore"},
    "TORCH_HOME and XDG that cannot be written": {"TORCH_HOME": "/proc/x", "XDG_CACHE_HOME": "/proc/x"},
}


def started(words: tuple[str, ...], folder: Path, given: Mapping[str, str | None], code: int = 0) -> str:
    """A process that starts with this environment; None takes a variable away.

    Returns:
        What it printed, both ways.
    """
    own = {**os.environ, "GENKIT_RUNS_DIR": str(folder / "runs"), "GENKIT_CACHE_DIR": str(folder / "cache")}
    whole = {**own, **given}
    environment = {name: value for name, value in whole.items() if value is not None}
    command = [sys.executable, "-m", "genkit", *(word.replace("{f}", str(folder)) for word in words)]
    ended = subprocess.run(
        command, env=environment, capture_output=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL
    )
    said = (ended.stdout + ended.stderr).decode("utf-8", "replace")
    assert "Traceback" not in said, said[-900:]
    assert ended.returncode == code, (ended.returncode, said[-600:])
    return said


def drawing(given: Mapping[str, str | None]) -> Trial:
    """A sample in Chinese is printed, and its file is the same as elsewhere."""

    def attempt(folder: Path) -> None:
        laid_out("gpt")(folder)
        said = started((*SAMPLE, "out={f}/x.txt"), folder, given)
        text = (folder / "x.txt").read_text("utf-8")
        assert text.startswith("我")
        plain = str(given.get("PYTHONIOENCODING", "utf-8"))
        if plain == "utf-8" and given.get("PYTHONUTF8") != "0":
            assert text.strip() in said, said
        laid_out("gpt")(folder / "again")
        from tools.reliability.ordinary.asking import ask, expect

        words = (*(w for w in SAMPLE if not w.startswith("run=")), "run={f}/again/runs/run", "out={f}/y.txt")
        expect(ask(words, folder), 0)
        assert (folder / "y.txt").read_text("utf-8") == text
        assert "/proc/nonexistent" not in said

    return attempt


def training(given: Mapping[str, str | None]) -> Trial:
    def attempt(folder: Path) -> None:
        words = [word for word in TRAIN if not word.startswith(("callbacks.progress", "trainer.threads"))]
        said = started(tuple(words), folder, given)
        alone(folder, Answer(0, said, ""))

    return attempt


TRIALS: dict[str, Trial] = {
    **{name: trial(situation) for name, situation in SITUATIONS.items()},
    **{f"started with {name}: sample": drawing(given) for name, given in HERE.items()},
    "started without HOME: sample": drawing({"HOME": None, "USER": None, "LOGNAME": None}),
    "started without TERM: sample": drawing({"TERM": None}),
    "started without PATH: sample": drawing({"PATH": None}),
    **{
        f"started with {name}: train": training(HERE[name])
        for name in (
            "OMP_NUM_THREADS=0",
            "COLUMNS=20",
            "TERM=dumb",
            "NO_COLOR",
            "LANG=C without UTF-8",
            "COLUMNS=0",
        )
    },
    "started without HOME: train": training({"HOME": None}),
}
