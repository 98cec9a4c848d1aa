"""What people get wrong, line by line: answered in one line that names the remedy, with its exit code.

The refusals that `tests/integration/test_bad_input.py` lists are met here in processes of their own, with
those that need files: pictures, texts, run folders, studies.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from genkit import runs
from tests.integration.test_bad_input import CASES, RUNS, SAMPLES
from tools.reliability import endless, starting, storing
from tools.reliability.canaries import SECRET
from tools.reliability.damaging import trained
from tools.reliability.mistakes import (
    Case,
    aged,
    changed,
    copied,
    emptied,
    flip,
    looped,
    moved,
    nameless,
    not_finite,
    picture,
    pictures,
    prefixed,
    put,
    renamed,
    replaced,
    reseal,
    same,
    saved_again,
    study,
    swapped,
    text,
    turned,
    unreadable,
    weights,
)
from tools.reliability.processes import Process
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import MODELS, QUICK

TIMEOUT = 120.0  # seconds of a process


TINY = f"{' '.join(MODELS['vae'])} {' '.join(QUICK)} batch_size=8 callbacks.samples.n=0 paths.runs_dir={{f}}"
ONE_STEP = f"train {TINY} budget.steps=1 name=new"
IMAGES = ONE_STEP.replace("data=digits", "data=image_folder data.path={f}/pictures")
GPT = f"{' '.join(MODELS['gpt'])} {' '.join(QUICK)} batch_size=4 callbacks.samples.n=0 paths.runs_dir={{f}}"
TEXTS = f"train {GPT} budget.steps=1 name=new".replace("data=colors", "data=text_file data.path={f}/a.txt")
PROSE = ("To be, or not to be, that is the question.\n" * 60).encode()
SAMPLE = "sample run={run} n=1 out={f}/out"
STUDY = "arms: {a: [model=vae, data=digits]}\nseeds: %s\nbudget: {steps: 1}\n"

# ---------------------------------------------------------------------- the list

FOLDERS = {
    "finished": Case(ONE_STEP.replace("name=new", "name=run"), 2, ("another name=", "resume=run")),
    "resume of a finished run": Case("train resume=run paths.runs_dir={f}", 0, ("nothing to do",)),
    "resume with changed data": Case(
        "train resume=run paths.runs_dir={f} budget.steps=9",
        4,
        ("accept_new_data=true",),
        changed(lambda run: runs.Run(run).update(fingerprint="another")),
    ),
    "no config": Case(
        SAMPLE, 3, ("config.yaml is missing",), changed(lambda r: (r / "config.yaml").unlink())
    ),
    "no checkpoint": Case(
        SAMPLE, 3, ("train it first",), changed(lambda r: shutil.rmtree(r / "checkpoints"))
    ),
    "another tool's": Case(SAMPLE, 3, ("config.yaml is missing",), changed(lambda r: emptied(r))),
    "clock set back": Case("runs run={run}", 0, ("finished",), changed(lambda r: aged(r))),
    "controls in the record": Case(
        "runs run={run}",
        0,
        ("status",),
        changed(lambda run: runs.Run(run).update(reason="\x1b[2J\u202e", model="\x9b31m")),
    ),
    "controls in the records": Case(
        "runs paths.runs_dir={f} model={run}",
        2,
        ("no run has model=",),
        changed(lambda run: runs.Run(run).update(model="\x1b]0;x\x07")),
    ),
    "another case": Case(
        ONE_STEP.replace("name=new", "name=RUN"),
        2,
        ("another name=",),
        lambda f: shutil.copytree(trained("vae"), f / "run"),
    ),
    "no TMPDIR": Case(ONE_STEP, 0, environment=(("TMPDIR", "{f}/none"),)),
    "TMPDIR that cannot be written": Case(ONE_STEP, 0, environment=(("TMPDIR", "/proc"),)),
    "secret in the environment": Case(
        f"{ONE_STEP} model.network=${{{{oc.env:API_KEY}}}}", 2, ("environment",)
    ),
}
CHECKPOINTS = {
    "missing": Case(SAMPLE + " checkpoint=step-99", 3, ("step-6, step-5",)),
    "truncated": Case(SAMPLE, 3, ("manifest says",), changed(lambda r: weights()(r).write_bytes(b"x" * 9))),
    "one bit": Case(SAMPLE, 3, ("SHA-256",), changed(lambda r: flip(weights()(r)))),
    "empty": Case(SAMPLE, 3, ("0 bytes",), changed(lambda r: weights()(r).write_bytes(b""))),
    "link": Case(SAMPLE, 3, ("is a link",), changed(moved)),
    "folder": Case(SAMPLE, 3, ("no plain file",), changed(lambda r: replaced(weights()(r), Path.mkdir))),
    "pipe": Case(SAMPLE, 3, ("weights.safetensors",), changed(lambda r: replaced(weights()(r), os.mkfifo))),
    "keys": Case(SAMPLE, 3, ("1 missing", "1 unexpected"), saved_again(renamed)),
    "compiled": Case(SAMPLE, 0, (), prefixed("_orig_mod.")),
    "parallel": Case(SAMPLE, 0, (), prefixed("module.")),
    "not finite": Case(SAMPLE, 3, ("allow_nonfinite=true",), saved_again(not_finite)),
    "pickle": Case(
        SAMPLE, 3, ("pickle",), changed(lambda r: (weights()(r).write_bytes(b"\x80\x02N."), reseal(r)))
    ),
    "future schema": Case(SAMPLE, 3, ("update genkit",), changed(lambda r: reseal(r, schema=99))),
    "tokeniser missing": Case(
        SAMPLE, 3, ("spec.json is missing",), changed(lambda r: (r / "spec.json").unlink()), "gpt"
    ),
    "tokeniser swapped": Case(SAMPLE, 3, ("spec.json is not the one",), changed(swapped), "gpt"),
    "address": Case("sample run=https://host/run", 2, ("copy the run folder",)),
}
PICTURES = {
    "missing": Case(IMAGES, 4, ("pictures is missing",)),
    "empty": Case(IMAGES, 4, ("holds no picture", "no files"), lambda f: (f / "pictures").mkdir()),
    "only folders": Case(
        IMAGES, 4, ("holds no picture",), lambda f: (f / "pictures" / "a" / "b").mkdir(parents=True)
    ),
    "no images": Case(IMAGES, 4, (".csv",), lambda f: put(f / "pictures" / "a.csv", b"1,2")),
    "text as .png": Case(IMAGES, 4, ("on_bad=skip",), pictures(zz_png=b"hello")),
    "page as .png": Case(IMAGES, 4, ("zz.png",), pictures(zz_png=b"<!doctype html><html>404</html>")),
    "empty file": Case(IMAGES, 4, ("zz.png",), pictures(zz_png=b"")),
    "mixed sizes": Case(IMAGES, 4, ("data.fit=",), pictures(zz_png=picture("RGB", (20, 30)))),
    "alpha": Case(IMAGES, 0, (), pictures(zz_png=picture("RGBA"))),
    "palette": Case(IMAGES, 0, (), pictures(zz_png=picture("P"))),
    "16 bits": Case(IMAGES, 0, (), pictures(zz_png=picture("I;16"))),
    "32 bits": Case(IMAGES, 0, (), pictures(zz_tiff=picture("I"))),
    "floats": Case(IMAGES, 0, (), pictures(zz_tiff=picture("F"))),
    "CMYK": Case(IMAGES, 0, (), pictures(zz_jpg=picture("CMYK"))),
    "1 bit": Case(IMAGES, 0, (), pictures(zz_png=picture("1"))),
    "grey among colour": Case(IMAGES, 0, (), pictures(zz_png=picture("L"))),
    "upper-case ending": Case(IMAGES, 0, (), pictures(zz_PNG=picture("RGB"))),
    "turned": Case(IMAGES, 0, (), pictures((8, 12), all=turned)),
    "turned, and another size": Case(IMAGES, 4, ("data.fit=",), pictures(all=turned)),
    "not to be read": Case(
        IMAGES, 4, ("29.png", "ermission"), pictures(all=unreadable), before=("without_privileges",)
    ),
    "name not UTF-8": Case(IMAGES, 0, (), pictures(all=nameless)),
    "copies in two parts": Case(IMAGES, 0, ("1 of test one of train", "dedupe"), pictures(all=copied)),
    "all the same": Case(IMAGES, 0, ("same",), pictures(all=same)),
    "links": Case(IMAGES, 4, ("gone.png",), pictures(all=looped)),
}
WRITINGS = {
    "missing": Case(TEXTS, 4, ("a.txt is missing",)),
    "folder": Case(TEXTS, 4, ("is a folder",), lambda f: (f / "a.txt").mkdir()),
    "binary": Case(TEXTS, 4, ("NUL byte at offset",), text(PROSE + b"\0\1\2")),
    "latin-1": Case(TEXTS, 4, ("0xe9", "data.encoding="), text(PROSE + "é".encode("latin-1"))),
    "UTF-16": Case(TEXTS, 0, (), text(PROSE.decode().encode("utf-16"))),
    "empty": Case(TEXTS, 4, ("empty",), text(b"")),
    "short": Case(TEXTS, 4, ("17",), text(b"ab\n" * 4)),
    "short validation": Case(TEXTS, 0, ("too few to hold some out",), text(b"abcd\n" * 12)),
    "mixed newlines": Case(
        TEXTS, 0, (), text(PROSE.replace(b"\n", b"\r\n") + "e\u0301\u200b\u202e".encode())
    ),
    "unknown characters": Case(SAMPLE + " prompt=Q§", 2, ("'Q' '§'",), None, "gpt"),
    "unk=skip": Case(SAMPLE + " prompt=Q§ unk=skip max_new_tokens=3", 0, (), None, "gpt"),
    "empty prompt": Case(SAMPLE + " prompt= max_new_tokens=3", 0, (), None, "gpt"),
    "long prompt": Case(SAMPLE + f" prompt={'我' * 300} max_new_tokens=3", 2, ("at most 16",), None, "gpt"),
    "n=0": Case("sample run={run} n=0", 0, ("0 samples",)),
    "max_new_tokens=0": Case(SAMPLE + " max_new_tokens=0", 0, (), None, "gpt"),
    "greedy": Case(SAMPLE + " temperature=0 max_new_tokens=3", 0, (), None, "gpt"),
    "n too large": Case("sample run={run} n=1000000000000 out={f}/out", 2, ("nearest: n=1000000",)),
    "top_k above the vocabulary": Case(SAMPLE + " top_k=100000 max_new_tokens=3", 0, (), None, "gpt"),
}
STUDIES = {
    "empty grid": Case("study study={f}/s.yaml", 2, ("seeds",), study(STUDY % "[]")),
    "no arms": Case("study study={f}/s.yaml", 2, ("arms",), study("arms: {}\nseeds: 1\nbudget: {steps: 1}")),
    "a million": Case("study study={f}/s.yaml", 2, ("yes=true",), study(STUDY % "1000000")),
    "an arm twice": Case("study study={f}/s.yaml", 2, ("twice",), study(STUDY.replace("}", ", a: []}") % 1)),
    "arms that differ in case": Case(
        "study study={f}/s.yaml", 2, ("differ in case",), study(STUDY.replace("}", ", A: []}", 1) % 1)
    ),
    "a seed twice": Case("study study={f}/s.yaml", 2, ("twice",), study(STUDY % "[1, 1]")),
    "unknown metric": Case("study study={f}/s.yaml", 2, ("primary",), study(STUDY % "1" + "primary: fidd\n")),
    "none": Case("study study={f}/s.yaml", 2, ("no such file",)),
}


# ---------------------------------------------------------------------- trials


def answered(case: Case) -> Trial:
    def trial(folder: Path) -> None:
        if any(word in case.words for word in ("{run}", "name=run", "resume=run")):
            shutil.copytree(trained(case.family), folder / "run")
        if case.make:
            case.make(folder)
        words = [word.format(f=folder, run=folder / "run") for word in case.words.split(" ")]
        more = {key: value.format(f=folder) for key, value in case.environment}
        check(words, case.code, case.said, folder, case.before, more)
        assert case.code == 0 or not (folder / "new").exists(), "a run was left behind"

    return trial


def listed(words: list[str], code: int, *said: str, family: str | None = None) -> Trial:
    """One of the refusals that the integration tests list."""

    def trial(folder: Path) -> None:
        (folder / "taken").mkdir()
        frozen = "model: {family: gpt, view: tokens, block_size: 64}\nchoices: {model: gpt, data: pydocs}\n"
        (folder / "taken" / "config.yaml").write_text(frozen)
        run = [f"run={trained(family)}"] if family else []
        check([words[0], *run, *words[1:]], code, said, folder)
        assert sorted(path.name for path in folder.iterdir()) == ["taken"]

    return trial


def vanishing(folder: Path) -> None:
    """The pictures go while a model trains on them: it has packed them, and misses them when it resumes."""
    pictures()(folder)
    words = IMAGES.replace("budget.steps=1", "budget.steps=3").format(f=folder).split(" ")
    check(words, 0, (), folder, ("remove_at_step", 2, str(folder / "pictures")))
    check(["train", f"resume={folder / 'new'}", "budget.steps=5"], 4, ("pictures is missing",), folder)


def changing(folder: Path) -> None:
    """One picture is another by the time that the training goes on."""
    pictures()(folder)
    check(IMAGES.format(f=folder).split(" "), 0, (), folder)
    picture("RGB").save(folder / "pictures" / "07.png")
    more = ["train", f"resume={folder / 'new'}", "budget.steps=2"]
    check(more, 4, ("accept_new_data=true",), folder)
    check([*more, "accept_new_data=true"], 0, (), folder)


def members(folder: Path) -> None:
    """One member diverges, one is killed, one finishes, whose folder is deleted then."""
    words = [word for word in TINY.split(" ") if not word.startswith("paths.")]
    arms = {"diverging": [*words, "optim.lr=1e30"], "killed": words, "fine": words}
    declared = {"arms": arms, "seeds": 1, "budget": {"steps": 6}, "evaluate": {"n": 8, "metrics": ["cost"]}}
    (folder / "s.yaml").write_text(json.dumps(declared))
    command = ["study", f"study={folder / 's.yaml'}"]
    running = Process(command, (), {"GENKIT_RUNS_DIR": str(folder)})
    _kill_member(folder / "s", 1, running)
    answer = running.wait()
    assert "2 of 3 runs failed" in answer.out, answer
    assert "Traceback" not in answer.err, answer
    assert _statuses(folder / "s") == {"diverging": "diverged", "killed": "killed", "fine": "finished"}
    shutil.rmtree(folder / "s" / "fine-0")
    check(["report", f"study={folder / 's'}"], 0, (), folder)
    told = next((folder / "s").rglob("report.html")).read_text()
    assert "its folder was deleted" in told
    assert "killed" in told


def _kill_member(study: Path, number: int, running: Process) -> None:
    """End a member's process as soon as it is there."""
    ends = time.monotonic() + TIMEOUT
    while running.is_alive and time.monotonic() < ends:
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if file.read_bytes().split(b"\0")[-4:-1] == [b"member", os.fsencode(study), b"%d" % number]:
                    return os.kill(int(file.parent.name), signal.SIGKILL)
        time.sleep(0.05)
    raise AssertionError("the member was not there")


def _statuses(study: Path) -> dict[str, str]:
    """The status of each arm in a study's table."""
    rows = [json.loads(line) for line in (study / "rows.jsonl").read_text().splitlines()]
    return {row["arm"]: row["status"] for row in rows}


def check(
    words: list[str],
    code: int,
    said: tuple[str, ...],
    folder: Path,
    before: tuple[object, ...] = (),
    more: Mapping[str, str] | None = None,
) -> None:
    """Run a command and look at its answer."""
    environment = {"GENKIT_RUNS_DIR": str(folder), "API_KEY": SECRET, "CUDA_VISIBLE_DEVICES": ""}
    answer = Process(words, before, {**environment, **(more or {})}).wait(TIMEOUT)
    assert answer.code == code, (answer.code, answer.err[-600:])
    assert "Traceback" not in answer.err, answer.err
    assert SECRET not in answer.out + answer.err
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", answer.out + answer.err)
    if code:
        assert answer.is_one_line, answer.err
        assert len(answer.err.strip().splitlines()[-1]) < 600, answer.err
    for expected in said:
        assert expected in answer.out + answer.err, (expected, answer.err)


GROUPS = {
    "run folder": FOLDERS,
    "checkpoint": CHECKPOINTS,
    "image data": PICTURES,
    "text and prompt": WRITINGS,
    "study": STUDIES,
    "without an end": endless.CASES,
}
TRIALS: dict[str, Trial] = {
    **{f"typed: {name}": listed(*case) for name, case in CASES.items()},
    **{
        f"sampling: {name}": listed(["sample", *words], code, *said, family=family)
        for name, (family, words, code, *said) in SAMPLES.items()
        if name != "checkpoint-absent"  # (another run than theirs)
    },
    **{
        f"run: {name}": listed(["sample", *words], *rest)
        for name, (words, *rest) in RUNS.items()
        if words and name != "unknown"
    },
    **{f"{group}: {name}": answered(case) for group, cases in GROUPS.items() for name, case in cases.items()},
    "image data: pictures vanish during a training": vanishing,
    "image data: a picture changes": changing,
    "study: members that diverge, are killed, are deleted": members,
    "run folder: two processes on one name": starting.together(0),
    "run folder: a full disk": storing.ROW.trials["ENOSPC checkpoint first"],
    "run folder: a full disk under the log": storing.ROW.trials["ENOSPC log first"],
}
ROW = Row("bad inputs: refused in one line that names the remedy, or answered", TRIALS, share=30)
