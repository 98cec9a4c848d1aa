"""What people get wrong, line by line: answered in one line that names the remedy, with its exit code.

The refusals that `tests/integration/test_bad_input.py` lists are met here in processes of their own, with
those that need files: pictures, texts, run folders, studies.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from genkit import manifests, runs
from tests.integration.test_bad_input import CASES, RUNS, SAMPLES
from tests.reliability import starting, storing
from tests.reliability.canaries import SECRET
from tests.reliability.damaging import trained
from tests.reliability.processes import Process
from tests.reliability.rows import Row, Trial
from tests.reliability.tiny import MODELS, QUICK

TIMEOUT = 120.0  # seconds of a process
STEP = "step-6"
Make = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """What is typed, where, and how it is answered.

    Attributes:
        words: with `{f}` for the trial's folder and `{run}` for a copy of a run there.
        code: the exit code.
        said: words of the answer, wherever they stand.
        make: prepares the folder.
        family: of the run.
    """

    words: str
    code: int
    said: tuple[str, ...] = ()
    make: Make | None = None
    family: str = "vae"


# ---------------------------------------------------------------------- what stands in the folder


def pictures(**how: object) -> Make:
    """Thirty pictures of 8×8, and `how` says what is odd: a function of the folder with its files."""

    def make(folder: Path) -> None:
        place, draw = folder / "pictures", np.random.default_rng(0)
        place.mkdir()
        for i in range(30):
            Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(place / f"{i:02}.png")
        for name, content in how.items():
            file = place / name.replace("_", ".")
            if isinstance(content, bytes):
                file.write_bytes(content)
            elif isinstance(content, Image.Image):
                content.save(file)
            elif callable(content):
                content(place)

    return make


def picture(mode: str, shape: tuple[int, ...] = (8, 8)) -> Image.Image:
    """One of a mode, of another kind than the rest."""
    draw = np.random.default_rng(1)
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        return Image.fromarray(draw.integers(0, 60_000, shape).astype(kind))
    whole = Image.fromarray(draw.integers(0, 256, (*shape, 3), dtype=np.uint8))
    return whole.convert(mode)


def same(place: Path) -> None:
    for file in place.glob("*.png"):
        Image.new("RGB", (8, 8), "red").save(file)


def looped(place: Path) -> None:
    (place / "round").symlink_to(place)
    (place / "gone.png").symlink_to(place / "nowhere.png")


def locked(place: Path) -> None:
    (place / "zz.png").write_bytes(b"")


def text(content: bytes) -> Make:
    return lambda folder: (folder / "a.txt").write_bytes(content)


def changed(change: Callable[[Path], object]) -> Make:
    """A copy of a run with something changed, `change` gets its folder."""
    return lambda folder: change(folder / "run")


def weights(file: str = "weights.safetensors") -> Callable[[Path], Path]:
    return lambda run: run / "checkpoints" / STEP / file


def reseal(run: Path, **entries: object) -> None:
    place = run / "checkpoints" / STEP
    manifest = {**json.loads((place / "manifest.json").read_text()), **entries}
    manifest["files"] = {name: manifests.describe(place / name) for name in manifest["files"]}
    manifest["sha256"] = manifests.seal(manifest)
    (place / "manifest.json").write_text(json.dumps(manifest))


def renamed(run: Path) -> None:
    """Weights of which one has another name, and one is not a number."""
    from safetensors.numpy import load_file, save_file

    tensors = load_file(weights()(run))
    first = sorted(tensors)[0]
    save_file({f"{name}_" if name == first else name: t for name, t in tensors.items()}, weights()(run))
    reseal(run)


def not_finite(run: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(weights()(run))
    first = sorted(tensors)[0]
    save_file({**tensors, first: np.full_like(tensors[first], np.nan)}, weights()(run))
    reseal(run)


def moved(run: Path) -> None:
    weights()(run).rename(run.parent / "elsewhere")
    weights()(run).symlink_to(run.parent / "elsewhere")


def swapped(run: Path) -> None:
    spec = json.loads((run / "spec.json").read_text())
    spec["codec"]["characters"] = [point + 1 for point in spec["codec"]["characters"]]
    (run / "spec.json").write_text(json.dumps(spec))


def study(body: str) -> Make:
    return lambda folder: (folder / "s.yaml").write_text(body)


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
    "another tool's": Case(SAMPLE, 3, ("config.yaml is missing",), changed(lambda r: _emptied(r))),
    "clock set back": Case("runs run={run}", 0, ("finished",), changed(lambda r: _aged(r))),
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
    "secret in the environment": Case(
        f"{ONE_STEP} model.network=${{{{oc.env:API_KEY}}}}", 2, ("environment",)
    ),
}
CHECKPOINTS = {
    "missing": Case(SAMPLE + " checkpoint=step-99", 3, ("step-6, step-5",)),
    "truncated": Case(SAMPLE, 3, ("manifest says",), changed(lambda r: weights()(r).write_bytes(b"x" * 9))),
    "one bit": Case(SAMPLE, 3, ("SHA-256",), changed(lambda r: _flip(weights()(r)))),
    "empty": Case(SAMPLE, 3, ("0 bytes",), changed(lambda r: weights()(r).write_bytes(b""))),
    "link": Case(SAMPLE, 3, ("is a link",), changed(moved)),
    "keys": Case(SAMPLE, 3, ("1 missing", "1 unexpected"), changed(renamed)),
    "not finite": Case(SAMPLE, 3, ("allow_nonfinite=true",), changed(not_finite)),
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
    "no images": Case(IMAGES, 4, (".csv",), lambda f: _put(f / "pictures" / "a.csv", b"1,2")),
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
    "short validation": Case(TEXTS, 4, ("validation",), text(b"abcd\n" * 12)),
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
    "top_k above the vocabulary": Case(SAMPLE + " top_k=100000 max_new_tokens=3", 0, (), None, "gpt"),
}
STUDIES = {
    "empty grid": Case("study study={f}/s.yaml", 2, ("seeds",), study(STUDY % "[]")),
    "no arms": Case("study study={f}/s.yaml", 2, ("arms",), study("arms: {}\nseeds: 1\nbudget: {steps: 1}")),
    "a million": Case("study study={f}/s.yaml", 2, ("yes=true",), study(STUDY % "1000000")),
    "a seed twice": Case("study study={f}/s.yaml", 2, ("twice",), study(STUDY % "[1, 1]")),
    "unknown metric": Case("study study={f}/s.yaml", 2, ("primary",), study(STUDY % "1" + "primary: fidd\n")),
    "none": Case("study study={f}/s.yaml", 2, ("no such file",)),
}


def _emptied(run: Path) -> None:
    shutil.rmtree(run)
    run.mkdir()
    (run / "model.ckpt").write_bytes(b"PK")


def _aged(run: Path) -> None:
    import os

    for path in run.rglob("*"):
        os.utime(path, (0, 0))


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


def _put(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(content)


# ---------------------------------------------------------------------- trials


def answered(case: Case) -> Trial:
    def trial(folder: Path) -> None:
        if any(word in case.words for word in ("{run}", "name=run", "resume=run")):
            shutil.copytree(trained(case.family), folder / "run")
        if case.make:
            case.make(folder)
        words = [word.format(f=folder, run=folder / "run") for word in case.words.split(" ")]
        check(words, case.code, case.said, folder)
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


def check(words: list[str], code: int, said: tuple[str, ...], folder: Path) -> None:
    """Run a command and look at its answer."""
    environment = {"GENKIT_RUNS_DIR": str(folder), "API_KEY": SECRET, "CUDA_VISIBLE_DEVICES": ""}
    answer = Process(words, (), environment).wait(TIMEOUT)
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
    "run folder: two processes on one name": starting.together(0),
    "run folder: a full disk": storing.ROW.trials["ENOSPC checkpoint first"],
    "run folder: a full disk under the log": storing.ROW.trials["ENOSPC log first"],
}
ROW = Row("bad inputs: refused in one line that names the remedy, or answered", TRIALS, share=30)
