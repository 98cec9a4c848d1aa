"""What models are asked for: prompts of every kind, options at their bounds."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import numpy as np
from PIL import Image

from tools.reliability.ordinary.asking import Judge, Situation, ask, expect
from tools.reliability.ordinary.trained import laid_out
from tools.reliability.processes import Answer

SAMPLE = ("sample", "run=run", "n=2", "out={f}/x.jsonl", "max_new_tokens=3")
OPENING = "我喜欢的颜色是"


def texts(folder: Path, name: str = "x.jsonl") -> list[str]:
    return [json.loads(line)["text"] for line in (folder / name).read_text("utf-8").split("\n")[:-1]]


def begin(*prompts: str, each: int = 2) -> Judge:
    """Every sample begins with its prompt."""

    def judge(folder: Path, answer: Answer) -> None:
        wanted = [prompt for prompt in prompts for _ in range(each)]
        found = texts(folder)
        assert len(found) == len(wanted)
        assert all(map(str.startswith, found, wanted)), (found, wanted)

    return judge


# ---------------------------------------------------------------------- prompts


def _prompts() -> dict[str, Situation]:
    own, of_bytes = laid_out("gpt"), laid_out("gpt of bytes")
    found = {
        "of the text": Situation((*SAMPLE, f"prompt={OPENING}"), 0, (), own, begin(OPENING)),
        "none": Situation(SAMPLE, 0, (), own, begin("")),
        "empty": Situation((*SAMPLE, "prompt="), 0, (), own, begin("")),
        "one character": Situation((*SAMPLE, "prompt=我"), 0, (), own, begin("我")),
        "a line end": Situation((*SAMPLE, "prompt=\n"), 0, (), own, begin("\n")),
        "in ASCII": Situation(
            (*SAMPLE, "prompt=colour"), 2, ("outside the vocabulary", "'c'", "unk=skip"), own
        ),
        "in ASCII, skipped": Situation((*SAMPLE, "prompt=colour我", "unk=skip"), 0, (), own, begin("我")),
        "nothing known, skipped": Situation((*SAMPLE, "prompt=colour", "unk=skip"), 0, (), own, begin("")),
        "longer than the context": Situation((*SAMPLE, f"prompt={OPENING * 5}"), 2, ("16",), own),
        "twice": Situation((*SAMPLE, "prompt=我", "prompt=你"), 0, (), own, begin("我", "你")),
        "of another family": Situation(("sample", "run=run", "prompt=x"), 2, ("prompt",), laid_out("vae")),
        "levels of pixels": Situation(
            ("sample", "run=run", "n=2", "prompt=0 0 5 13", "out={f}/x.npz"),
            0,
            (),
            laid_out("gpt of pixels"),
            _levels,
        ),
        "no level of a pixel": Situation(
            ("sample", "run=run", "prompt=99"), 2, ("0 to 16",), laid_out("gpt of pixels")
        ),
    }
    for name, prompt in {
        "quotes": "he said \"no\" 'x'",
        "an equals sign": "a=b",
        "a comma": "a,b",
        "brackets": "[a](b){c}",
        "a dollar": "${HOME} $X",
        "null": "null",
        "a number": "42",
        "true": "true",
        "a path": "../../x",
        "blanks": " x ",
        "emoji": "👩‍👩",
        "a flag": "--help me",
        "a percent": "%s 100%",
        "a backslash": "a\\nb",
        "a tab": "a\tb",
        "Arabic": "مرحبا",
        "a mark": "\ufeffx",
    }.items():
        found[f"with {name}"] = Situation((*SAMPLE, f"prompt={prompt}"), 0, (), of_bytes, begin(prompt))

    def file(content: bytes):
        def make(folder: Path) -> None:
            own(folder)
            (folder / "p.txt").write_bytes(content)

        return make

    words, two = (*SAMPLE, "prompt_file={f}/p.txt"), begin("我喜", "你")
    lines = "我喜\n你\n"
    for name, content in {
        "LF": lines.encode(),
        "CR LF": lines.replace("\n", "\r\n").encode(),
        "a mark": codecs.BOM_UTF8 + lines.encode(),
        "the mark of UTF-16": lines.encode("utf-16"),
        "no last line end": lines.strip().encode(),
        "empty lines": lines.replace("\n", "\n\n").encode(),
    }.items():
        found[f"file with {name}"] = Situation(words, 0, (), file(content), two)
    separated = SAMPLE[:-1]
    found["file with U+2028"] = Situation(
        (*separated, "max_new_tokens=3", "prompt_file={f}/p.txt"),
        0,
        (),
        lambda f: (of_bytes(f), (f / "p.txt").write_bytes("a\u2028b\n\x85c\n".encode())),
        begin("a\u2028b", "\x85c"),
    )
    for name, content, code, said in (
        ("in Latin-1", "Café".encode("latin-1"), 4, ("UTF-8",)),
        ("empty", b"", 2, ("no prompt",)),
        ("of blanks", b"\n\n", 2, ("no prompt",)),
    ):
        found[f"file {name}"] = Situation(words, code, said, file(content))
    found["file missing"] = Situation(words, 4, ("p.txt",), own)
    found["file is a folder"] = Situation(words, 4, ("p.txt",), lambda f: (own(f), (f / "p.txt").mkdir()))
    found["file and prompt"] = Situation((*words, "prompt=我"), 2, ("prompt_file=",), file(lines.encode()))
    return {f"prompt {name}": situation for name, situation in found.items()}


def _levels(folder: Path, answer: Answer) -> None:
    images = np.load(folder / "x.npz")["images"]
    assert images.shape == (2, 8, 8, 1)
    assert (images[:, 0, :4, 0] == np.round(np.array([0, 0, 5, 13]) * 255 / 16)).all()


# ---------------------------------------------------------------------- options


def _drawn(folder: Path, words: tuple[str, ...], out: str) -> object:
    """What a command draws, as plain values."""
    expect(ask((*words, f"out={folder / out}"), folder), 0)
    if out.endswith("npz"):
        return np.load(folder / out)["images"].tolist()
    return texts(folder, out)


def agreeing(kind: str, *ways: tuple[str, ...]) -> Situation:
    """Options that come to the same: each way draws the same samples."""
    base = ("sample", "run=run", "n=3", *(() if kind != "gpt" else ("max_new_tokens=8",)))
    suffix = "jsonl" if kind == "gpt" else "npz"

    def judge(folder: Path, answer: Answer) -> None:
        drawn = [_drawn(folder, (*base, *way), f"{i}.{suffix}") for i, way in enumerate(ways)]
        assert all(one == drawn[0] for one in drawn), [str(one)[:80] for one in drawn]

    return Situation((*base, *ways[0]), 0, (), laid_out(kind), judge)


def _options() -> dict[str, Situation]:
    greedy, gpt = ("temperature=0",), laid_out("gpt")
    found = {
        "greedy, whatever the seed": agreeing(
            "gpt", greedy, (*greedy, "seed=1"), (*greedy, "seed=4294967295")
        ),
        "greedy, the likeliest of one": agreeing("gpt", greedy, ("top_k=1",), ("top_k=1", "seed=9")),
        "greedy, of the smallest mass": agreeing("gpt", greedy, ("top_p=1e-300",), ("top_p=1e-12",)),
        "greedy, none less likely": agreeing("gpt", greedy, ("min_p=1",)),
        "greedy, at almost no temperature": agreeing(
            "gpt", greedy, ("temperature=1e-38",), ("temperature=1e-300",)
        ),
        "off: everything": agreeing(
            "gpt",
            (),
            ("top_p=1",),
            ("top_k=1000000000",),
            ("min_p=0",),
            ("repetition_penalty=1",),
            ("top_k=null",),
        ),
        "whatever the batch": agreeing("gpt", (), ("batch_size=1",), ("batch_size=1000000",)),
        "whatever the batch, VAE": agreeing("vae", (), ("batch_size=1",), ("batch_size=2",)),
        "whatever the batch, DCGAN": agreeing("dcgan", (), ("batch_size=1",), ("batch_size=2",)),
        "whatever the batch, flow": agreeing("flow", (), ("batch_size=1",), ("batch_size=2",)),
        "whatever the batch, pixels": agreeing("gpt of pixels", (), ("batch_size=1",), ("batch_size=2",)),
        "VAE without temperature, any seed": agreeing("vae", ("temperature=0",), ("temperature=0", "seed=7")),
        "DCGAN, truncated at nothing": agreeing("dcgan", (), ("truncation=10",), ("truncation=null",)),
        "labels by name and in a batch": agreeing(
            "vae with labels", ("label=3",), ("label=3", "batch_size=1")
        ),
    }
    taken = {
        "gpt": [
            *("temperature=100", "repetition_penalty=100", "repetition_penalty=1e-6", "max_new_tokens=0"),
            *(
                "max_new_tokens=1",
                "precision=bfloat16",
                "precision=int8",
                "stop=。",
                "bad_tokens=。",
                "weights=raw",
            ),
            *("seed=4294967295", "checkpoint=best", "checkpoint=last", "checkpoint=step-3", "device=cpu"),
        ],
        "vae": ["temperature=100", "pixels=drawn", "seed=4294967295", "weights=raw", "n=1", "n=200"],
        "dcgan": ["truncation=1e-30", "truncation=0.01", "seed=4294967295", "n=1", "n=200"],
        "flow": ["steps=1", "solver=euler", "solver=rk45", "temperature=0", "weights=raw", "n=1"],
        "flow with labels": ["label=0", "guidance=3", "guidance=0", "label=null"],
        "gpt of pixels": ["temperature=0", "max_new_tokens=0", "max_new_tokens=64", "top_k=1"],
        "vae with labels": ["label=0", "label=9", "label=null"],
        "dcgan with labels": ["label=0", "label=9", "label=null"],
        "gpt of pixels with labels": ["label=0", "label=9", "label=null"],
    }
    refused = {
        "gpt": [
            *(
                "temperature=-0.1",
                "temperature=101",
                "temperature=nan",
                "temperature=inf",
                "top_k=0",
                "top_k=1.5",
            ),
            *(
                "top_p=0",
                "top_p=1.1",
                "min_p=-1",
                "min_p=1.1",
                "repetition_penalty=0",
                "repetition_penalty=1e-40",
                "repetition_penalty=101",
            ),
            *(
                "max_new_tokens=-1",
                "max_new_tokens=1000001",
                "precision=fp4",
                "unk=maybe",
                "n=-1",
                "n=1000001",
            ),
            *(
                "seed=4294967296",
                "batch_size=0",
                "weights=best",
                "checkpoint=step-x",
                "device=tpu",
                "label=3",
            ),
            *("stream=maybe", "out={f}/x.png", "out={f}/x.docx", "temperature=", "n="),
        ],
        "vae": [
            "temperature=-1",
            "temperature=101",
            "pixels=blurred",
            "label=3",
            "truncation=1",
            "out={f}/x.txt",
        ],
        "dcgan": ["truncation=0", "truncation=11", "temperature=1", "label=3", "prompt=x", "out={f}/x.gif"],
        "flow": [
            "steps=0",
            "steps=1.5",
            "solver=rk4",
            "tolerance=1e-3",
            "guidance=2",
            "temperature=-1",
            "label=3",
        ],
        "flow with labels": ["guidance=1e6", "guidance=nan", "label=10", "prompt=x"],
        "gpt of pixels": ["temperature=-1", "label=3", "top_k=0"],
        "vae with labels": ["label=10", "label=-1", "label=²", "label=three", "label=1.0", "label="],
        "dcgan with labels": ["label=10", "label=cat"],
        "gpt of pixels with labels": ["label=10", "label=cat"],
    }
    for kind, words in taken.items():
        for word in words:
            typed = ("sample", "run=run", *(() if word.startswith("n=") else ("n=2",)), word)
            found[f"{kind}: {word}"] = Situation(typed, 0, (), laid_out(kind), _something)
    for kind, words in refused.items():
        for word in words:
            typed = ("sample", "run=run", *(() if word.startswith("n=") else ("n=2",)), word)
            key = word.partition("=")[0]
            found[f"{kind}: {word}"] = Situation(typed, 2, (key,), laid_out(kind), nothing)
    found["gpt: n=0"] = Situation(("sample", "run=run", "n=0"), 0, ("0 samples",), gpt, nothing)
    found["vae: n=0"] = Situation(("sample", "run=run", "n=0"), 0, ("0 samples",), laid_out("vae"), nothing)
    found["gpt: an option of nobody's"] = Situation(
        ("sample", "run=run", "tempreature=1"), 2, ("temperature",), gpt, nothing
    )
    return {f"option {name}": situation for name, situation in found.items()}


def _something(folder: Path, answer: Answer) -> None:
    (file,) = (folder / "runs" / "run" / "samples").glob("sample-*")
    assert file.stat().st_size
    if file.suffix == ".png":
        assert np.asarray(Image.open(file)).size


def nothing(folder: Path, answer: Answer) -> None:
    place = folder / "runs" / "run" / "samples"
    assert not place.exists() or not list(place.iterdir()), "something was written"


SITUATIONS = {**_prompts(), **_options()}
