"""Hostile run folders, studies and reports, a second set: each command refuses in one line, or it is inert.

What is expected stands beside each trial: `refused` by every command named there (exit 2, 3 or 4, one line),
`inert` (all of them end with 0), or `safe` (each does the one or the other, as it sees the thing or not).
Whatever is expected, no trial may read, write, remove or execute anything outside of its folder, take more
than 2 GB or 20 s of a processor for a command, steer the terminal, or leave a page that acts.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from tools.reliability import outside_files, outside_runs, outside_studies, outside_weights
from tools.reliability.canaries import Canaries
from tools.reliability.damaging import trained
from tools.reliability.inert import check_files, check_text
from tools.reliability.outside_places import Case, Place, secret_files
from tools.reliability.rows import Row, Trial
from tools.reliability.sittings import Guard, sit

REFUSALS = (2, 3, 4)
CASES: dict[str, Case] = {
    **outside_files.CASES,
    **outside_runs.CASES,
    **outside_weights.CASES,
    **outside_studies.CASES,
}


def commands(case: Case, place: Place) -> list[list[str]]:
    """Every command that meets what was put there, by its short name."""
    run, out, root = str(place.run), str(place.out), f"paths.runs_dir={place.runs}"
    study, here = str(place.runs / "study"), str(place.folder)
    known = {
        "sample": ["sample", f"run={run}", "n=1", f"out={out}/x{'.txt' if case.family == 'gpt' else '.png'}"],
        "prompt": [
            "sample",
            f"run={run}",
            "n=1",
            "prompt=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
            f"out={out}/p.txt",
        ],
        "score": ["score", f"run={run}", "split=test", f"out={out}/s.jsonl"],
        "evaluate": ["evaluate", f"run={run}", "n=8", "metrics=nll", f"out={out}/e.jsonl"],
        "reconstruct": ["reconstruct", f"run={run}", "n=2", f"out={out}/r.png"],
        "interpolate": ["interpolate", f"run={run}", "n=2", f"out={out}/i.png"],
        "export": ["export", f"run={run}", f"out={out}/hf"],
        "list": ["runs", root],
        "show": ["runs", f"run={run}", root],
        "verify": ["verify", f"run={run}"],
        "compare": ["compare", run, str(place.runs / "other")],
        "report": ["report", f"run={run}", f"out={out}/page"],
        "resume": ["train", f"resume={run}", "budget.steps=7", root],
        "init": ["train", *case.model, f"init_from={run}", "name=new", "budget.steps=1", root],
        "member": ["member", study, "0"],
        "study": ["report", f"study={study}", f"out={out}/page"],
        "rerun": ["study", f"study={here}/mine.yaml", root],
        "dry": ["study", f"study={here}/mine.yaml", "dry=true", root],
        "load": ["python", "load", run],
        "pages": ["python", "report", f"{out}/page2", run],
        "rows": ["python", "evaluate", run, f"{here}/cache"],
        "studies": ["python", "report", f"{out}/page2", study],
    }
    return [known[name] for name in case.commands.split()]


def hostile(name: str) -> Trial:
    case = CASES[name]

    def trial(folder: Path) -> None:
        for part in ("here", "tmp", "out", "secret", "runs"):
            (folder / part).mkdir()
        canaries, place = Canaries(folder), Place(folder)
        secret_files(place)
        shutil.copytree(trained(case.family), place.run)
        shutil.rmtree(place.run / "checkpoints" / "step-5", ignore_errors=True)
        (place.run / "checkpoints" / "best").write_text("step-6\n")
        if "compare" in case.commands.split():
            shutil.copytree(trained("vae"), place.runs / "other")
        before = _outside(folder)
        swap = case.tamper(place)
        kept = _outside(folder)
        guard = Guard(str(folder), str(folder / "secret"), swap or None, case.unprivileged)
        seen = sit(commands(case, place), guard)
        assert not seen.harm, seen.harm[:3]
        canaries.assert_untouched()
        for words, answer in seen.answers:
            _check_answer(words, answer.code, answer.out, answer.err, case.expected)
        after = _outside(folder)
        assert {k: after.get(k) for k in before} == {k: kept.get(k) for k in before}, "it changed outside"
        assert not [k for k in after if k not in kept], "something new is outside"
        for part in (place.out, folder / "here"):
            check_files(part, place.secret)

    return trial


def _check_answer(words: list[str], code: int, out: str, err: str, expected: str) -> None:
    what = " ".join(words[:2])[:60]
    assert "Traceback" not in err, (what, code, err[-700:])
    allowed = {"refused": REFUSALS, "inert": (0,), "safe": (0, *REFUSALS)}[expected]
    assert code in allowed, (what, code, out[-200:], err[-400:])
    if code:
        lines = err.splitlines()
        notes = [
            line for line in lines[:-1] if not line.startswith(("note: ", "genkit: ")) or words[0] != "train"
        ]
        assert lines, (what, code)
        assert lines[-1].startswith("genkit: "), (what, err)
        assert not notes, (what, err[:400])
        assert len(lines[-1]) < 2_000, (what, len(lines[-1]))
    check_text(out, f"{what}, stdout")
    check_text(err, f"{what}, stderr")
    assert Place.secret.decode() not in out + err, f"{what} tells a secret"


def _outside(folder: Path) -> dict[str, object]:
    """All that is in a trial's folder outside of the runs and of what was asked for."""
    found: dict[str, object] = {}
    own = ("runs", "out", "here", "tmp", "cache", "sitting")
    kept = [path for path in sorted(folder.iterdir()) if path.name not in own]
    for path in (*kept, *(below for one in kept if one.is_dir() for below in sorted(one.rglob("*")))):
        about = os.lstat(path)
        content = path.read_bytes() if stat.S_ISREG(about.st_mode) and about.st_size < 10_000_000 else None
        found[str(path)] = (about.st_mode, about.st_size, content)
    return found


ROW = Row(
    "strangers, a second set: refused in one line or inert",
    {name: hostile(name) for name in CASES},
    share=70,
)
