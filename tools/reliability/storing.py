"""Disks that are full, broken or closed at the first, a middle and the last byte of what is written."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from genkit import runs
from genkit.runs import checkpoints
from tools.reliability import faults
from tools.reliability.processes import Answer, genkit
from tools.reliability.resuming import ends_as_whole, resume, whole
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import assert_same, ending, strays, words

FAMILY, SETTING = "vae", "counted"
ERRORS = ("ENOSPC", "EIO", "EACCES", "EDQUOT")
PLACES = ("first", "middle", "last")
_lock = threading.Lock()
_made: list[Path] = []


def finished() -> Path:
    """A run to report on, made once."""
    with _lock:
        if not _made:
            folder = Path(tempfile.mkdtemp(prefix="genkit-finished-"))
            assert genkit(*words(FAMILY, folder, "run", setting=SETTING)).code == 0
            _made.append(folder / "run")
    return _made[0]


def _byte(place: str, start: int, size: int) -> int:
    return start + {"first": 0, "middle": size // 2, "last": size - 1}[place]


def _train(folder: Path, which: str, byte: int, code: int) -> Answer:
    """A training that cannot write files of a name any more, once so many bytes of them are written."""
    arguments = ("fault", faults.FAIL, str(folder / "run"), which, byte, code)
    return genkit(*words(FAMILY, folder, "run", setting=SETTING), before=arguments)


def _check_refusal(answer: Answer, code: int) -> None:
    assert answer.code == 6, (answer.code, answer.err)
    assert answer.is_one_line, answer.err
    assert os.strerror(code) in answer.err, answer.err


def checkpoint(folder: Path, place: str, code: int) -> None:
    """The third checkpoint cannot be written; the second is good, and the run goes on from it."""
    files = (finished() / "checkpoints" / "step-23").glob("*.safetensors")  # no validation, as after 1 and 2
    sizes = {file.name: file.stat().st_size for file in files}
    byte = _byte(place, 2 * sum(sizes.values()), sizes["weights.safetensors"])
    # The library writes under a name of its own (.tmp…) and renames.
    _check_refusal(_train(folder, ".tmp", byte, code), code)
    kept = folder / "run" / "checkpoints"
    assert checkpoints.available(kept) == [1, 2]
    for step in (1, 2):
        checkpoints.verify(kept / f"step-{step}")
    assert runs.read(folder / "run").status == "failed"
    resume(folder)
    ends_as_whole(folder, FAMILY, SETTING)


def record(folder: Path, place: str, code: int) -> None:
    """run.json cannot be written: the training ends, what was written before stays readable."""
    size = (finished() / "run.json").stat().st_size
    _check_refusal(_train(folder, "run.json", _byte(place, 4 * size, size), code), code)
    assert runs.read(folder / "run").status in ("running", "failed")
    resume(folder)
    ends_as_whole(folder, FAMILY, SETTING)


def log(folder: Path, place: str, code: int) -> None:
    """The history cannot be written: said once, and the training goes on."""
    size = (finished() / "metrics.csv").stat().st_size
    answer = _train(folder, "metrics.csv", _byte(place, 0, size), code)
    assert answer.code == 0, answer.err
    assert answer.err.count("cannot be written") == 1, answer.err
    assert os.strerror(code) in answer.err
    found = ending_without_log(folder / "run")
    assert_same(found, {key: value for key, value in whole(FAMILY, SETTING).items() if key != "metrics.csv"})
    assert not strays(folder), strays(folder)


def ending_without_log(run: Path) -> dict[str, object]:
    """How a run ends whose history may be missing."""
    (run / "metrics.csv").write_text("step\n")
    found = ending(run)
    return {key: value for key, value in found.items() if key != "metrics.csv"}


def report(folder: Path, place: str, code: int) -> None:
    """A page cannot be replaced: the old one stays as it was."""
    typed = ["report", f"run={finished()}", f"out={folder / 'page'}"]
    assert genkit(*typed).code == 0
    page = folder / "page" / "report.html"
    before = {path: path.read_bytes() for path in (folder / "page").rglob("*") if path.is_file()}
    byte = _byte(place, 0, page.stat().st_size)
    answer = genkit(*typed, before=("fault", faults.FAIL, str(folder), "report.html", byte, code))
    _check_refusal(answer, code)
    after = {path: path.read_bytes() for path in (folder / "page").rglob("*") if path.is_file()}
    assert after.get(page) == before[page], "the page has changed"
    assert set(after) == set(before), set(after) ^ set(before)


def failing(what: Callable[[Path, str, int], None], place: str, code: int) -> Trial:
    return lambda folder: what(folder, place, code)


ROW = Row(
    "full, broken and closed disks: checkpoint, record, log, report",
    {
        f"{name} {what.__name__} {place}": failing(what, place, getattr(errno, name))
        for what in (checkpoint, record, log, report)
        for name in ERRORS
        for place in PLACES
    },
    share=24,
)


def clean() -> None:
    """Remove what was made once."""
    for run in _made:
        shutil.rmtree(run.parent)
