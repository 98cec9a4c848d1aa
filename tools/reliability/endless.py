"""Inputs without an end, or that speak of more than they hold: pipes, devices, headers, 100 MB of a study.

Each is given to every command that takes such a file, in a process of some memory and 20 seconds.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

from tools.reliability.damaging import trained
from tools.reliability.mistakes import Case, changed, replaced, reseal
from tools.reliability.tiny import MODELS, QUICK

BEFORE = ("guarded", "/nowhere")
HUNDRED = 100_000_001  # bytes
Endless = Callable[[Path], object]


def _zeros(file: Path) -> None:
    file.symlink_to("/dev/zero")


def _large(file: Path) -> None:
    """100 MB that take no place on the disk."""
    file.touch()
    os.truncate(file, HUNDRED)


KINDS: dict[str, Endless] = {"a pipe": os.mkfifo, "/dev/zero": _zeros}
LARGE: Endless = _large


# ---------------------------------------------------------------------- data and prompts

ONE_STEP = (
    f"{' '.join(QUICK)} batch_size=8 callbacks.samples.n=0 paths.runs_dir={{f}} budget.steps=1 name=new"
)
TEXT = " ".join(word for word in MODELS["gpt"] if not word.startswith("data="))
IMAGES = " ".join(word for word in MODELS["vae"] if not word.startswith("data="))
MODEL = {
    **dict.fromkeys(("text_file", "text_folder", "hf_text"), TEXT),
    **dict.fromkeys(("image_folder", "arrays", "hf_images"), IMAGES),
}
NAMES = {"text_file": "x.txt", "arrays": "x.npz"}
FILES = {"text_folder": "x/a.txt", "image_folder": "x/a.png", "hf_text": "x/a.jsonl"}


def _data() -> dict[str, Case]:
    """The whole of data.path is one, for every kind of data and command that opens it."""
    cases = {}
    for kind, make in KINDS.items():
        for data, model in MODEL.items():
            place = NAMES.get(data, "x")
            words = f"data={data} data.path={{f}}/{place}"
            for verb, rest in {
                "train": f"{model} {ONE_STEP}",
                "data show": "n=2 out={f}/shown.png"
                if model == IMAGES
                else f"{TEXT} n=2 out={{f}}/shown.txt",
                "data pack": f"paths.cache_dir={{f}}/cache {model}",
            }.items():
                case = Case(f"{verb} {words} {rest}", 4, (), _put(place, make), before=BEFORE)
                cases[f"data={data} of {verb} is {kind}"] = case
        for data, name in {
            "text_folder": "x/a.txt",
            "image_folder": "x/a.png",
            "hf_text": "x/a.jsonl",
        }.items():
            words = f"train data={data} data.path={{f}}/x {MODEL[data]} {ONE_STEP}"
            cases[f"a file of data={data} is {kind}"] = Case(words, 4, (), _put(name, make), before=BEFORE)
    return cases


def _put(name: str, make: Endless) -> Callable[[Path], object]:
    def put(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        make(folder / name)
        if name.endswith("study.yaml"):  # with a list of members it is the folder of a study
            (folder / name).with_name("members.json").write_text("[]")

    return put


SAMPLE = "sample run={run} n=1 out={f}/out"
GIVEN = {
    "prompt_file of sample": (f"{SAMPLE} prompt_file={{f}}/x.txt max_new_tokens=3", "gpt"),
    "file of score": ("score run={run} file={f}/x.txt", "gpt"),
    "real of evaluate": ("evaluate real={f}/x.txt fake={f}/x.txt", "vae"),
}


def _given() -> dict[str, Case]:
    """What a person names beside the data: prompts, texts to score, files to compare."""
    made = {
        f"{what} is {kind}": Case(words, 4, ("x.txt",), _put("x.txt", make), family, BEFORE)
        for what, (words, family) in GIVEN.items()
        for kind, make in KINDS.items()
    }
    words, _ = GIVEN["prompt_file of sample"]
    made["prompt_file of sample is 100 MB"] = Case(words, 4, ("bytes",), _put("x.txt", LARGE), "gpt", BEFORE)
    endless = (*BEFORE, "/dev/zero")
    words = f"{SAMPLE} prompt=- max_new_tokens=3"
    made["prompt=- reads /dev/zero"] = Case(words, 4, ("standard input",), None, "gpt", endless)
    return made


# ---------------------------------------------------------------------- headers, models of others, studies


def _header(entries: dict[str, dict[str, object]], data: int = 0) -> Endless:
    def make(file: Path) -> None:
        head = json.dumps(entries).encode()
        file.write_bytes(struct.pack("<Q", len(head)) + head + bytes(data))

    return make


def _of_rank(rank: int) -> Endless:
    return _header({"x": {"dtype": "F32", "shape": [1] * rank, "data_offsets": [0, 4]}}, 4)


def _of_tensors(count: int) -> Endless:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return lambda file: _header({f"{i:x}": empty for i in range(count)})(file)


HEADERS: dict[str, tuple[Endless, str]] = {
    "a rank of 100,000": (_of_rank(10**5), "100,000 dimensions"),
    "a rank of 1,000,000": (_of_rank(10**6), "1,000,000 dimensions"),
    "200,000 tensors": (_of_tensors(2 * 10**5), "200,000 tensors"),
    "1,000,000 tensors": (_of_tensors(10**6), "header would have"),
}
LOADING = {
    "sample": SAMPLE,
    "evaluate": "evaluate run={run} checkpoint=last metrics=likelihood",
    "reconstruct": "reconstruct run={run} n=2 out={f}/out.png",
    "resume": "train resume={run} budget.steps=9",
    "init_from": f"train {' '.join(MODELS['vae'])} init_from={{run}} {ONE_STEP}",
}


def _weights() -> dict[str, Case]:
    """Of a checkpoint, whose manifest fits, for every command that opens one."""
    cases = {}
    for name, (make, said) in HEADERS.items():
        for verb, words in LOADING.items():
            file = "trainer.safetensors" if verb == "resume" else "ema.safetensors"
            if verb == "init_from":
                file = "weights.safetensors"
            case = Case(words, 3, (said,), changed(_resealed(file, make)), before=BEFORE)
            cases[f"{name} in {file} of {verb}"] = case
    return cases


def _resealed(name: str, make: Endless) -> Callable[[Path], object]:
    def change(run: Path) -> None:
        for folder in (run / "checkpoints").glob("step-*"):  # a resume takes an older one that is sound
            replaced(folder / name, make)
        reseal(run)

    return change


HUB = f"train {TEXT.split(' ')[0]} data=text_file data.path={{f}}/a.txt pretrained={{f}}/hub {ONE_STEP}"


def _hub() -> dict[str, Case]:
    """A model of transformers, a file of which is one."""
    cases = {}
    for name, codes in {"config.json": (3, 3), "tokenizer.json": (3, 4), "model.safetensors": (3, 3)}.items():
        for kind, make in {**KINDS, "100 MB": LARGE}.items():
            cases[f"{name} of pretrained is {kind}"] = Case(
                HUB, codes[make is LARGE], (name,), _exported(name, make), "gpt", BEFORE
            )
    for kind, (make, said) in HEADERS.items():
        case = Case(HUB, 3, (said,), _exported("model.safetensors", make), "gpt", BEFORE)
        cases[f"{kind} in pretrained"] = case
    return cases


def _exported(name: str, make: Endless) -> Callable[[Path], object]:
    def made(folder: Path) -> None:
        from genkit.inference import models
        from genkit.interop.model_folder import write

        write(models.load(trained("gpt")), folder / "hub")
        (folder / "a.txt").write_text("颜色 colour\n" * 200)
        replaced(folder / "hub" / name, make)

    return made


# (A member reads its own configuration, and the study's declaration not at all.)
ABOUT_STUDIES = {
    "study": ("study study={f}/x/study.yaml", 2, "study.yaml"),
    "dry study": ("study study={f}/x/study.yaml dry=true", 2, "study.yaml"),
    "report": ("report study={f}/x out={f}/page", 2, "study.yaml"),
    "member": ("member {f}/x 0", 3, "members/0000.yaml"),
}


def _studies() -> dict[str, Case]:
    return {
        f"{name} of {verb} is {kind}": Case(words, code, (), _put(f"x/{name}", make), before=BEFORE)
        for verb, (words, code, name) in ABOUT_STUDIES.items()
        for kind, make in {**KINDS, "100 MB": LARGE}.items()
    }


CASES = {**_data(), **_given(), **_weights(), **_hub(), **_studies()}
