"""The end of a process at each system call of a save: what was good stays good, the rest is made again."""

from __future__ import annotations

import functools
from pathlib import Path

from genkit.runs import checkpoints
from tools.reliability import faults
from tools.reliability.processes import genkit
from tools.reliability.resuming import ends_as_whole, resume
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import words

FAMILY, SETTING = "vae", "counted"
SAVE = "genkit.training.checkpointing:Recorder.save"
# The third save, which also deletes the oldest checkpoint, has 34 calls; the first has some fewer.
BORDERS = {1: range(1, 25, 2), 3: range(1, 35)}


def _words(folder: Path) -> list[str]:
    return words(FAMILY, folder, "run", setting=SETTING)


def killed_at(save: int, border: int) -> Trial:
    """Ended before a call of a save; every such save has at least as many."""

    def trial(folder: Path) -> None:
        told = folder / "calls"
        arguments = ("fault_within", SAVE, save, faults.KILL, str(folder / "run"), border, str(told))
        answer = genkit(*_words(folder), before=arguments)
        assert not told.exists(), f"the save has only {told.read_text()} calls"
        assert answer.code == -9, (answer.code, answer.err)
        kept = checkpoints.available(folder / "run" / "checkpoints")
        for step in kept:
            checkpoints.verify(folder / "run" / "checkpoints" / f"step-{step}")
        assert len(kept) >= min(save - 1, 2), kept
        resume(folder)
        ends_as_whole(folder, FAMILY, SETTING)

    return trial


@functools.cache
def count(save: int, folder: Path) -> int:
    """System calls below the run's folder of the n-th save."""
    told = folder / "calls"
    arguments = ("fault_within", SAVE, save, faults.COUNT, str(folder / "run"), 0, str(told))
    genkit(*_words(folder), before=arguments)
    return int(told.read_text())


ROW = Row(
    "the end at each system call of a save",
    {
        f"save {save}, call {border}": killed_at(save, border)
        for save, calls in BORDERS.items()
        for border in calls
    },
    share=24,
)
