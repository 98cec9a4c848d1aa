"""Several processes of one training, started here, or by torchrun or SLURM, which repeat one command.

Of those that somebody else has started the first makes the run, and the others join it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from genkit.core.errors import ConfigError, GenkitError
from genkit.core.interrupts import Interrupted, forwarded
from genkit.runs import Run

PATIENCE = 600  # seconds that the others wait for the first
# What tells two starts apart.
TORCHRUN = ("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT")
SLURM = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")


class RankFailed(GenkitError):
    """One of several processes ended with an error, which it has printed."""

    def __init__(self, rank: int, exit_code: int) -> None:
        super().__init__(f"process {rank} ended with exit code {exit_code}; its message stands above.")
        self.exit_code = exit_code if exit_code > 0 else 1


# ---------------------------------------------------------------------- started by somebody else


def place() -> tuple[int, int]:
    """Which of the processes that somebody else has started this is, and how many they are; else (0, 1)."""
    names = (
        ("RANK", "WORLD_SIZE") if "TORCHELASTIC_RUN_ID" in os.environ else ("SLURM_PROCID", "SLURM_NTASKS")
    )
    if not all(os.environ.get(name, "").isdecimal() for name in names):
        return 0, 1
    number, count = (int(os.environ[name]) for name in names)
    return number, count


def start() -> str | None:
    """What the processes of one start have in common and those of no other; None for a single process."""
    names = TORCHRUN if "TORCHELASTIC_RUN_ID" in os.environ else SLURM
    return " ".join(os.environ.get(name, "") for name in names) if place()[1] > 1 else None


def wait_for_first(run: Run) -> None:
    """Wait until the first process has written down what is trained.

    Raises:
        ConfigError: it has not within ten minutes.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        record = run.record()
        if record.get("status") == "running" and record.get("start") == start():
            return
        time.sleep(0.05)
    raise ConfigError(f"{run.path} was not begun by the first process; its message says why.")


# ---------------------------------------------------------------------- started here


def starts_others(trainer: Mapping[str, Any]) -> bool:
    """Whether this process has to start the others, or somebody (torchrun, SLURM) has done so."""
    return int(trainer["devices"]) > 1 and not {"LOCAL_RANK", "SLURM_PROCID"} & set(os.environ)


def train(run: Run, cfg: Mapping[str, Any]) -> None:
    """Start one process a rank and wait; a failing one ends them all.

    Raises:
        RankFailed: one ended with an error.
        Interrupted: by a signal, which they have seen too; the run is saved.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": "0"}
    shared |= {f"GENKIT_{key.upper()}": str(value) for key, value in cfg["paths"].items()}
    command = [sys.executable, "-m", "genkit", "worker", str(run.path)]
    started = [
        subprocess.Popen(command, env={**os.environ, **shared, "LOCAL_RANK": str(rank)})
        for rank in range(int(cfg["trainer"]["devices"]))
    ]
    with forwarded(started) as received:
        while any(rank.poll() is None for rank in started):
            if any(rank.poll() for rank in started) and not received:
                time.sleep(5)  # the others may be ending by themselves
                for rank in started:
                    rank.terminate()
                break
            time.sleep(0.05)
        codes = [rank.wait() for rank in started]
    if received:
        raise Interrupted(received[0])
    for number, code in sorted(enumerate(codes), key=lambda pair: pair[1] in (0, -signal.SIGTERM)):
        if code:
            raise RankFailed(number, code)
