"""A system call of a command fails, is shortened or late: the final name is old or whole, the code is 6."""

from __future__ import annotations

import errno
import functools
import os
import shutil
import tempfile
import threading
from pathlib import Path

from tools.reliability import faults
from tools.reliability.processes import Answer, genkit
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import words

WITHIN = "genkit.cli:_dispatch"
# What to type, what it makes, and how many system calls below the folder change something.  {run} and {texts}
# are runs of a VAE and a GPT, {out} is a folder with something under every name that is made.
COMMANDS: dict[str, tuple[list[str], str, int]] = {
    "sample, a grid": (["sample", "run={run}", "n=2", "out={out}/x.png"], "out/x.png", 8),
    "sample, an array": (["sample", "run={run}", "n=2", "out={out}/x.npz"], "out/x.npz", 12),
    "sample, into the run": (["sample", "run={run}", "n=2"], "run/samples/sample-seed0-n2.png", 8),
    "sample, a folder": (["sample", "run={run}", "n=2", "out={out}/new"], "out/new", 14),
    "sample, texts": (["sample", "run={texts}", "n=2", "out={out}/x.txt"], "out/x.txt", 8),
    "sample, lines": (["sample", "run={texts}", "n=2", "out={out}/x.jsonl"], "out/x.jsonl", 8),
    "score": (["score", "run={texts}", "text=颜色", "out={out}/x.jsonl"], "out/x.jsonl", 7),
    "evaluate": (
        ["evaluate", "run={run}", "checkpoint=last", "metrics=likelihood", "out={out}/x.jsonl"],
        "out/x.jsonl",
        16,
    ),
    "evaluate, into the run": (
        ["evaluate", "run={run}", "checkpoint=last", "metrics=likelihood"],
        "run/evaluation.jsonl",
        8,
    ),
    "export": (["export", "run={texts}", "out={out}/new"], "out/new", 22),
    "interpolate": (["interpolate", "run={run}", "n=2", "out={out}/x.png"], "out/x.png", 8),
    "reconstruct": (["reconstruct", "run={run}", "n=2", "out={out}/x.png"], "out/x.png", 8),
    "complete": (["complete", "run={run}", "n=1", "draws=1", "out={out}/x.png"], "out/x.png", 8),
    "denoise": (["denoise", "run={run}", "n=1", "draws=1", "out={out}/x.png"], "out/x.png", 8),
    "upscale": (["upscale", "run={run}", "n=1", "draws=1", "out={out}/x.png"], "out/x.png", 8),
    "data show": (["data", "show", "data=digits", "n=4", "out={out}/x.png"], "out/x.png", 7),
    "data show, texts": (
        ["data", "show", "data=colors", "model=gpt", "n=4", "out={out}/x.txt"],
        "out/x.txt",
        7,
    ),
    "data pack": (["data", "pack", "data=digits", "paths.cache_dir={out}/cache"], "out/cache", 20),
    "report": (["report", "run={run}", "out={out}/page"], "out/page/report.html", 31),
    "resume": (["train", "resume={run}", "budget.steps=3"], "run/run.json", 64),
}
WAYS = {"no room": (faults.REFUSE, errno.ENOSPC), "a broken disk": (faults.REFUSE, errno.EIO)}
WAYS |= {"half": (faults.SHORTEN, 0), "late": (faults.DELAY, 0)}
_lock = threading.Lock()


@functools.cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="genkit-calls-"))
    for family, name in (("vae", "run"), ("gpt", "texts")):
        more = ("budget.steps=2", "callbacks.samples.n=0")
        assert genkit(*words(family, folder, name, *more)).code == 0
    (folder / "out").mkdir()
    for name in ("x.png", "x.npz", "x.txt", "x.jsonl"):
        (folder / "out" / name).write_text("what was there\n")
    return folder


def _laid_out(folder: Path) -> None:
    """Runs and old files of a trial's own."""
    with _lock:
        made = _made()
    for part in ("run", "texts", "out"):
        shutil.copytree(made / part, folder / part)


def _asked(command: str, folder: Path, what: int, number: int, code: int, told: Path) -> Answer:
    places = {name: str(folder / name) for name in ("run", "texts", "out")}
    typed = [word.format(**places) for word in COMMANDS[command][0]]
    arguments = ("fault_within", WITHIN, 1, what, str(folder), number, str(told), code)
    return genkit(*typed, f"paths.runs_dir={folder}", before=arguments)


def content(path: Path) -> object:
    """A file's bytes, or a folder's by name; None where there is nothing."""
    if path.is_dir():
        found = (p for p in sorted(path.rglob("*")) if p.is_file() and p.suffix != ".lock")
        return {str(p.relative_to(path)): p.read_bytes() for p in found}
    return path.read_bytes() if path.exists() else None


@functools.cache
def _expected(command: str) -> tuple[object, object, int]:
    """What is there before, and after the command when nothing fails; how many calls it makes."""
    folder = Path(tempfile.mkdtemp(prefix="genkit-calls-"))
    try:
        _laid_out(folder)
        place = folder / COMMANDS[command][1]
        before = content(place)
        answer = _asked(command, folder, faults.TALLY, 0, 0, folder.with_suffix(".told"))
        assert answer.code == 0, answer.err
        return before, content(place), int(folder.with_suffix(".told").read_text())
    finally:
        folder.with_suffix(".told").unlink(missing_ok=True)
        shutil.rmtree(folder)


def expected(command: str) -> tuple[object, object, int]:
    with _lock_of(command):
        return _expected(command)


@functools.cache
def _lock_of(command: str) -> threading.Lock:
    return threading.Lock()


def changed(command: str, way: str, number: int) -> Trial:
    """One call of a command; where it makes fewer, the trial says so."""

    def trial(folder: Path) -> None:
        before, after, calls = expected(command)
        assert number <= calls, f"it makes {calls} calls"
        _laid_out(folder)
        place = folder / COMMANDS[command][1]
        what, code = WAYS[way]
        answer = _asked(command, folder, what, number, code, folder / "told")
        (folder / "told").unlink(missing_ok=True)
        found = content(place)
        settled = command == "resume" or found in (before, after)  # a record speaks of times
        assert settled, f"{place} is neither old nor whole: {str(found)[:200]}"
        if what == faults.REFUSE:
            assert answer.code in (0, 6), (answer.code, answer.err)
            if answer.code == 6:
                assert answer.is_one_line, answer.err
                assert os.strerror(code) in answer.err, answer.err
                assert command == "resume" or found == before or answer.err.count("\n") == 1
            else:
                assert command == "resume" or found == after, "it said nothing and made nothing"
        else:
            assert answer.code == 0, (answer.code, answer.err)
            assert command == "resume" or found == after
        if command == "resume":
            _goes_on(folder)

    return trial


def _goes_on(folder: Path) -> None:
    """A run whose session was cut short can be resumed, and is sound then."""
    resumed = genkit("train", f"resume={folder / 'run'}", "budget.steps=3", f"paths.runs_dir={folder}")
    assert resumed.code == 0, resumed.err
    checked = genkit("verify", f"run={folder / 'run'}", f"paths.runs_dir={folder}")
    assert checked.code == 0, checked.out


ROW = Row(
    "system calls of every command: failing, shortened, late",
    {
        f"{command}, call {number}, {way}": changed(command, way, number)
        for command, (_, _, calls) in COMMANDS.items()
        for number in range(1, calls + 1)
        for way in WAYS
    },
    share=340,
)
