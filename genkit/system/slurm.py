"""Jobs of SLURM: one whose time is nearly spent is queued again, and goes on with its run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping

from genkit.system.terminal import say

REQUEUE = getattr(signal, "SIGUSR1", None)


def job(environment: Mapping[str, str] = os.environ) -> str | None:
    """The number of the job that this process is part of, of an array with its task; None outside SLURM."""
    array, task = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    number = f"{array}_{task}" if array and task else environment.get("SLURM_JOB_ID", "")
    return number if re.fullmatch(r"[0-9]+(_[0-9]+)?", number) else None


def is_restarted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether SLURM started this job before."""
    return job(environment) is not None and environment.get("SLURM_RESTART_COUNT", "0") != "0"


def requeue(number: int) -> None:
    """Ask SLURM to start the job again, where `number` is the signal by which it announced the end."""
    queued = job()
    if number != REQUEUE or queued is None or os.environ.get("SLURM_PROCID", "0") != "0":
        return
    try:
        asked = subprocess.run(["scontrol", "requeue", queued], capture_output=True, text=True, timeout=60)
        failed = asked.stderr.strip() if asked.returncode else ""
    except (OSError, subprocess.SubprocessError) as error:
        failed = str(error)
    said = f"job {queued} could not be queued again: {failed}" if failed else f"job {queued} is queued again"
    say(f"note: {said}", file=sys.stderr)
