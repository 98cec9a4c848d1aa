"""Two processes of one training (gloo, on the CPU), started as torchrun starts them."""

from __future__ import annotations

import functools
import json
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import genkit as library
from genkit import runs
from genkit.runs import checkpoints
from tools.reliability.processes import Answer, Process, genkit
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import MODELS, assert_same, ending, strays, words

SETTING = "averaged"  # validation every 6 steps, checkpoints every 5, averaged weights, accumulation
TIMEOUT = 120.0  # seconds until two processes count as waiting for each other
_lock = threading.Lock()


def _words(family: str, folder: Path, *more: str) -> list[str]:
    """Dropout is of a process, so two of them draw other numbers than one: here it is off."""
    off = ["model.dropout=0"] if family == "gpt" else []
    typed = words(family, folder, "run", *off, *more, setting=SETTING)
    return ["trainer=ddp_cpu" if word == "trainer=cpu" else word for word in typed]


def _started(typed: Sequence[str], before: Sequence[Sequence[Any]] = ((), ())) -> list[Process]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "GROUP_RANK": "0"}
    shared |= {"TORCHELASTIC_RUN_ID": str(port), "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RESTART_COUNT": "0"}
    return [
        Process(typed, before[rank], {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(2)
    ]


def _ended(processes: Sequence[Process]) -> list[Answer]:
    """Wait for both; where one hangs, neither is left behind."""
    try:
        return [process.wait(TIMEOUT) for process in processes]
    finally:
        for process in processes:
            if process.is_alive:
                process.kill()


def both(typed: Sequence[str], code: int, before: Sequence[Sequence[Any]] = ((), ())) -> None:
    """Run to the end, which both come to."""
    answers = _ended(_started(typed, before))
    assert [answer.code for answer in answers] == [code, code], [(a.code, a.err[-600:]) for a in answers]


@functools.cache
def _whole(family: str) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="genkit-doubled-"))
    both(_words(family, folder), 0)
    found = ending(folder / "run")
    shutil.rmtree(folder)
    return found


def whole(family: str) -> dict[str, Any]:
    """How a training in two processes ends that nothing happens to, made once."""
    with _lock:
        return _whole(family)


def same_numbers(family: str) -> Trial:
    """Both processes know the same metrics, and what they train is what one process trains."""

    def trial(folder: Path) -> None:
        told = [folder / f"told-{rank}" for rank in range(2)]
        both(_words(family, folder), 0, [("tell_metrics", str(file)) for file in told])
        first, second = ([json.loads(line) for line in file.read_text().splitlines()] for file in told)
        assert len(first) == 4, first
        assert first == second, (first, second)
        alone = [word for word in _words(family, folder, "name=alone") if not word.startswith("trainer=")]
        answer = genkit(*alone, "trainer=cpu", before=("tell_metrics", str(folder / "told")))
        assert answer.code == 0, answer.err
        third = [json.loads(line) for line in (folder / "told").read_text().splitlines()]
        for ours, theirs in zip(first, third, strict=True):
            assert ours.keys() == theirs.keys(), (ours, theirs)
            for name, value in ours.items():
                assert abs(value - theirs[name]) <= 2e-3 * max(1.0, abs(theirs[name])), (name, ours, theirs)
        drawn = [library.load(folder / name).sample(4, seed=5).data for name in ("run", "alone")]
        for one, other in zip(*drawn, strict=True):
            assert torch.allclose(one.double(), other.double(), rtol=0, atol=1e-3), (one, other)

    return trial


def terminated(family: str) -> Trial:
    """SIGTERM to the group, in the middle: both end, and what is saved is a whole checkpoint."""

    def trial(folder: Path) -> None:
        typed = _words(family, folder, "budget.steps=100000", "trainer.val_every=50000")
        processes = _started(typed)
        try:
            kept, end = folder / "run" / "checkpoints", time.monotonic() + TIMEOUT
            while len(checkpoints.available(kept)) < 2:
                assert all(process.is_alive for process in processes), _ended(processes)
                assert time.monotonic() < end, "no checkpoint is written"
                time.sleep(0.01)
        finally:
            for process in processes:
                process.kill(signal.SIGTERM)
        answers = _ended(processes)
        assert [answer.code for answer in answers] == [143, 143], answers
        assert runs.read(folder / "run").status == "interrupted"
        last = max(checkpoints.available(kept))
        checkpoints.verify(kept / f"step-{last}")
        assert runs.read(folder / "run").step == last
        assert not strays(folder), strays(folder)

    return trial


def resumed(family: str) -> Trial:
    """A signal that reaches the second process alone: both end a batch later, and go on exactly."""

    def trial(folder: Path) -> None:
        both(_words(family, folder), 143, [(), ("signal_at_step", 9)])
        assert max(checkpoints.available(folder / "run" / "checkpoints")) == 10
        both(["train", "resume=run", f"paths.runs_dir={folder}"], 0)
        assert_same(ending(folder / "run"), whole(family))
        assert not strays(folder), strays(folder)

    return trial


WHAT = {
    "the same numbers": same_numbers,
    "SIGTERM to the group": terminated,
    "resumed exactly": resumed,
}
ROW = Row(
    "two processes of one training",
    {f"{family} {name}": make(family) for family in MODELS for name, make in WHAT.items()},
    share=9,
)
