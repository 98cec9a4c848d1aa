"""Exact resume: a training interrupted after any batch ends as if it had not been."""

from __future__ import annotations

import functools
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from tools.reliability import plainly
from tools.reliability.processes import genkit
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import MODELS, SETTINGS, STEPS, assert_same, ending, strays, words

_lock = threading.Lock()


@functools.cache
def _whole(family: str, setting: str) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="genkit-whole-"))
    answer = genkit(*words(family, folder, "run", setting=setting))
    assert answer.code == 0, answer.err
    found = ending(folder / "run")
    shutil.rmtree(folder)
    return found


def whole(family: str, setting: str = "plain") -> dict[str, Any]:
    """How an uninterrupted training ends, made once."""
    with _lock:
        return _whole(family, setting)


def resume(folder: Path, *more: str) -> None:
    """Go on to the end of the budget."""
    answer = genkit("train", "resume=run", f"paths.runs_dir={folder}", *more)
    assert answer.code == 0, answer.err


def ends_as_whole(folder: Path, family: str, setting: str) -> None:
    """That the run in a folder ended as one that nothing happened to, and left nothing beside it."""
    assert_same(ending(folder / "run"), whole(family, setting))
    assert not strays(folder), strays(folder)


def interrupted_after(family: str, setting: str, step: int) -> Trial:
    """SIGTERM at a batch; in every fourth trial again one batch after the resume, and once more two after."""

    def trial(folder: Path) -> None:
        answer = genkit(*words(family, folder, "run", setting=setting), before=("signal_at_step", step))
        assert answer.code == 143, answer.err
        at = step
        for more in (1, 2) if step % 4 == 3 else ():
            if at + more < STEPS:
                again = ["train", "resume=run", f"paths.runs_dir={folder}"]
                answer = genkit(*again, before=("signal_at_step", more))
                assert answer.code == 143, answer.err
                at += more
        resume(folder)
        ends_as_whole(folder, family, setting)

    return trial


ROW = Row(
    "resume points bitwise equal",
    {
        f"{family} {setting} {step}": interrupted_after(family, setting, step)
        for family in MODELS
        for setting in SETTINGS
        for step in range(1, STEPS)
    },
    plainly.resumed,
    share=92,
)
