"""kill -9 at random times: whatever was cut off, the same words in the end give the same bytes."""

from __future__ import annotations

import functools
import random
import shutil
import signal
import time
from pathlib import Path

from genkit import runs
from tools.reliability.processes import Process
from tools.reliability.resuming import ends_as_whole
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import MODELS, words

TIMES, DURING_SAVES = 60, 60
LONGEST = 1.2  # seconds from the start of a forked process
TRIES = 20  # to kill a process before it is done
_killed: list[int] = []  # of each trial, how many of its processes


def _command(family: str, folder: Path, setting: str) -> list[str]:
    """What a person types who does not know how far it came: to go on, if there is a run."""
    if (folder / "run" / "config.yaml").exists():
        return ["train", "resume=run", f"paths.runs_dir={folder}"]
    return words(family, folder, "run", setting=setting)


def _saving(folder: Path, nth: int, process: Process) -> None:
    """Wait for the n-th time that a checkpoint is being written."""
    seen: set[str] = set()
    while process.is_alive and len(seen) < nth:
        names = {path.name for path in (folder / "run" / "checkpoints").glob(".step-*")}
        seen |= {name for name in names if not name.endswith(".old")}


def _kill_one(family: str, folder: Path, setting: str, draw: random.Random, *, saving: bool) -> bool:
    """Start a process and kill it; whether it was not done before."""
    process = Process(_command(family, folder, setting))
    if saving:
        _saving(folder, draw.randint(1, 6), process)
        time.sleep(draw.uniform(0, 0.02))
    else:
        time.sleep(draw.uniform(0, LONGEST))
    process.kill()
    return process.wait().code in (-signal.SIGKILL, 255)  # the server may lose a code, and says 255


def killed(family: str, setting: str, seed: int, *, saving: bool) -> Trial:
    """Killed once to three times, then run to the end; what was done before its first kill is begun anew."""

    def trial(folder: Path) -> None:
        draw = random.Random(seed)
        wanted, kills = draw.randint(1, 3), 0
        for _ in range(TRIES):
            if _kill_one(family, folder, setting, draw, saving=saving):
                kills += 1
            elif not kills:
                shutil.rmtree(folder / "run")
            if kills == wanted or (kills and runs.read(folder / "run").status == "finished"):
                break
        _killed.append(kills)
        assert kills, "it was never killed before its end"
        answer = Process(_command(family, folder, setting)).wait()
        assert answer.code == 0, answer.err
        ends_as_whole(folder, family, setting)

    return trial


def _note() -> str:
    return f"{sum(map(bool, _killed))} of them killed before their end, {sum(_killed)} kills"


def _trials(count: int, *, saving: bool) -> dict[str, Trial]:
    kinds = [(family, setting) for setting in ("averaged", "counted") for family in MODELS]
    named = "saving" if saving else "any time"
    make = functools.partial(killed, saving=saving)
    return {f"{named} {i} {' '.join(kinds[i % 6])}": make(*kinds[i % 6], i) for i in range(count)}


ROW = Row(
    "kill -9 at random times, half of them during saves: the same end bitwise, no stray file",
    {**_trials(TIMES, saving=False), **_trials(DURING_SAVES, saving=True)},
    share=None,
    note=_note,
)
