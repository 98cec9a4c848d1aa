"""Several processes of one training, started here, or by torchrun or SLURM, which repeat one command.

Of those that somebody else has started the first makes the run, and the others join it.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from genkit.config import Config
from genkit.runs import Run
from genkit.system.errors import ConfigError, GenkitError
from genkit.system.interrupts import Interrupted, forwarded
from genkit.system.launchers import TORCHRUN_NAMES, unbelieved

PATIENCE = 600  # seconds that the others wait for the first


class RankFailed(GenkitError):
    """One of several processes ended with an error, which it has printed."""

    def __init__(self, rank: int, exit_code: int) -> None:
        super().__init__(f"process {rank} ended with exit code {exit_code}; its message stands above.")
        self.exit_code = exit_code if exit_code > 0 else 1


class ProcessLost(GenkitError):
    """Another one of several processes has ended, or its machine cannot be reached."""


@contextmanager
def others_needed(run: Run) -> Iterator[None]:
    """Within the context this process computes with the others of its training, where there are any.

    Raises:
        ProcessLost: one of them is gone; without it there is no step.
    """
    from torch import distributed

    try:
        yield
    except RuntimeError as error:
        said = str(error)
        if not (isinstance(error, distributed.DistError) or "gloo" in said):
            raise
        heard = " ".join(re.sub(r"^\[[^]]*\] ", "", said).split())[:80]  # without torch's own file and line
        raise ProcessLost(
            f"another process of this training has ended or cannot be reached ({heard}); where it could, it"
            f" has said why. Go on with: genkit train resume={run.name}"
        ) from error
    finally:
        if distributed.is_available() and distributed.is_initialized():
            distributed.destroy_process_group()  # a thread of it that is left aborts the process at its end


# ---------------------------------------------------------------------- started by somebody else


def wait_for_first(run: Run, start: str | None) -> None:
    """Wait until the first process has written down what is trained.

    Args:
        start: as the first one has written it into the record, see `genkit.system.launchers.Rank`.

    Raises:
        ConfigError: it has ended, or has not written for ten minutes.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        record = run.record()
        if record.start == start:
            if record.status == "running":
                return
            break
        # The record of a run that goes on is not touched before it trains.
        if run.shared().get("entries", {}).get("start") == start:
            return
        time.sleep(0.05)
    raise ConfigError(f"{run.path} was not begun by the first process; its message says why.")


# ---------------------------------------------------------------------- started here


def train(run: Run, cfg: Config) -> None:
    """Start one process a rank and wait; a failing one ends them all.

    Raises:
        RankFailed: one ended with an error.
        Interrupted: by a signal, which they have seen too; the run is saved.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    count = cfg.trainer.devices
    left = {*unbelieved(), *TORCHRUN_NAMES}  # these processes' places stand among their words
    environment = {name: value for name, value in os.environ.items() if name not in left}
    environment |= {f"GENKIT_{key.upper()}": str(value) for key, value in cfg.paths.by_name.items()}
    command = [sys.executable, "-m", "genkit", "worker", str(run.path)]
    started = [
        subprocess.Popen([*command, str(rank), str(count), str(port)], env=environment)
        for rank in range(count)
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
    # Those that ended because another one did say no more than that.
    followed = (0, -signal.SIGTERM, ProcessLost.exit_code)
    for number, code in sorted(enumerate(codes), key=lambda pair: pair[1] in followed):
        if code:
            raise RankFailed(number, code)
