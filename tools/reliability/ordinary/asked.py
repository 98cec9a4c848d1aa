"""What models are asked for: prompts of every kind, options at their bounds, verbs of every family."""

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
            found[f"{kind}: {word}"] = Situation(typed, 2, (key,), laid_out(kind), _nothing)
    found["gpt: n=0"] = Situation(("sample", "run=run", "n=0"), 0, ("0 samples",), gpt, _nothing)
    found["vae: n=0"] = Situation(("sample", "run=run", "n=0"), 0, ("0 samples",), laid_out("vae"), _nothing)
    found["gpt: an option of nobody's"] = Situation(
        ("sample", "run=run", "tempreature=1"), 2, ("temperature",), gpt, _nothing
    )
    return {f"option {name}": situation for name, situation in found.items()}


def _something(folder: Path, answer: Answer) -> None:
    (file,) = (folder / "runs" / "run" / "samples").glob("sample-*")
    assert file.stat().st_size
    if file.suffix == ".png":
        assert np.asarray(Image.open(file)).size


def _nothing(folder: Path, answer: Answer) -> None:
    place = folder / "runs" / "run" / "samples"
    assert not place.exists() or not list(place.iterdir()), "something was written"


# ---------------------------------------------------------------------- verbs

IMAGES = ("gpt of pixels", "vae", "dcgan", "flow")
TAKES = {  # families that have what a verb needs; who else is asked is refused with what it lacks
    "interpolate": ("vae", "dcgan", "flow"),
    "reconstruct": ("vae", "flow"),
    "complete": IMAGES,
    "denoise": ("vae", "dcgan", "flow"),
    "upscale": ("vae", "dcgan", "flow"),
}
# What is said of what it lacks, of texts and of images.
LACKS = {(verb, True): "images" for verb in TAKES}
LACKS |= {(verb, False): "raster order" for verb in ("denoise", "upscale")}
LACKS |= {(verb, False): verb for verb in ("interpolate", "reconstruct")}
MORE = {"interpolate": ("steps=3",), "reconstruct": (), "complete": ("draws=2",)}


def cells(file: Path, columns: int) -> np.ndarray:
    """The pictures of 8×8 in a grid, (rows, columns, 8, 8); pixels are 4 wide, lines are between them."""
    whole = np.asarray(Image.open(file).convert("L"))[::4, ::4]
    rows = (whole.shape[0] - 1) // 9
    assert whole.shape == (9 * rows + 1, 9 * columns + 1), whole.shape
    return np.stack(
        [[whole[9 * r + 1 : 9 * r + 9, 9 * c + 1 : 9 * c + 9] for c in range(columns)] for r in range(rows)]
    )


def rows_are(count: int, columns: int = 2) -> Judge:
    def judge(folder: Path, answer: Answer) -> None:
        shown = cells(folder / "x.png", columns)
        assert len(shown) == count, shown.shape
        assert shown[-1].std() > 0, "it is blank"

    return judge


def _kept(folder: Path, answer: Answer) -> None:
    """What is not hidden stands in every answer as it was."""
    shown = cells(folder / "x.png", 2)
    assert len(shown) == 4
    for answered in shown[1:3]:
        assert (answered[:, :4] == shown[3][:, :4]).all()


def _pooled(folder: Path, answer: Answer) -> None:
    """What is shown as known has the means of the blocks of the truth."""
    shown = cells(folder / "x.png", 2).astype(float)
    means = shown[-1].reshape(2, 4, 2, 4, 2).mean((2, 4))
    known = shown[0].reshape(2, 4, 2, 4, 2).mean((2, 4))
    assert np.abs(known - means).max() <= 1.5


EXPORTS = {
    "gpt of pixels": "model.positions",
    "vae": "no language model",
    "dcgan": "no language model",
    "flow": "no language model",
}


def _verbs() -> dict[str, Situation]:
    found = {}
    for verb, families in TAKES.items():
        typed = (verb, "run=run", "n=2", "out={f}/x.png", *MORE.get(verb, ("draws=2",)))
        for family in ("gpt", *IMAGES):
            for labels in ("", " with labels") if family != "gpt" else ("",):
                kind = family + labels
                if family in families:
                    rows = {"interpolate": (2, 3), "reconstruct": (2, 2)}.get(verb, (4, 2))
                    judge = rows_are(*rows)
                    if verb == "complete" and family == "gpt of pixels":
                        judge = _kept
                    if verb == "upscale":
                        judge = _pooled
                    told = verb in ("complete", "denoise", "upscale", "reconstruct") and labels
                    found[f"{verb}, {kind}"] = Situation(
                        typed, 0, ("true label",) if told else (), laid_out(kind), judge
                    )
                else:
                    said = LACKS[verb, family == "gpt"]
                    found[f"{verb}, {kind}"] = Situation(typed, 2, (said,), laid_out(kind), _none_made)
    for mask in ("upper", "left", "right", "box", "random"):
        typed = ("complete", "run=run", "n=2", "out={f}/x.png", "draws=2", f"mask={mask}")
        for kind in IMAGES:
            found[f"complete, mask={mask}, {kind}"] = (
                Situation(typed, 2, ("raster order",), laid_out(kind), _none_made)
                if kind == "gpt of pixels"
                else Situation(typed, 0, (), laid_out(kind), rows_are(4))
            )
    for word, said in {
        "mask=middle": ("lower", "box"),
        "split=all": ("train", "validation", "test"),
        "n=0": ("n",),
        "draws=0": ("draws",),
        "out={f}/x.jpg": (".png",),
        "checkpoint=step-99": ("step-3",),
    }.items():
        code = 3 if word.startswith("checkpoint") else 2
        found[f"complete, {word}"] = Situation(("complete", "run=run", word), code, said, laid_out("vae"))
    for typed, said in {
        ("upscale", "factor=3"): ("factor=3", "8×8"),
        ("upscale", "factor=1"): ("factor",),
        ("denoise", "scale=0"): ("scale",),
        ("denoise", "scale=nan"): ("scale",),
        ("interpolate", "steps=1"): ("steps",),
        ("interpolate", "path=round"): ("spherical", "linear"),
        ("interpolate", "label=3"): ("without labels",),
    }.items():
        words = (typed[0], "run=run", typed[1])
        found[" ".join(typed)] = Situation(words, 2, said, laid_out("vae"), _nothing)
    for kind in ("vae with labels", "dcgan with labels"):
        typed = ("interpolate", "run=run", "n=2", "steps=3", "label=3", "out={f}/x.png")
        found[f"interpolate label=3, {kind}"] = Situation(typed, 0, (), laid_out(kind), rows_are(2, 3))
    typed = ("score", "run=run", "split=validation", "out={f}/s.jsonl")
    for kind in ("gpt", "gpt of pixels", "gpt of pixels with labels"):
        found[f"score split=validation, {kind}"] = Situation(typed, 0, ("nats",), laid_out(kind))
    for kind in ("vae", "vae with labels"):  # whose Bernoulli pixels are no likelihood of 17 levels
        found[f"score split=validation, {kind}"] = Situation(typed, 2, ("Bernoulli", "17"), laid_out(kind))
        more = laid_out(kind, ("model.likelihood=categorical",))
        found[f"score split=validation, {kind}, categorical"] = Situation(typed, 0, ("nats",), more)
    for kind in ("dcgan", "dcgan with labels"):
        found[f"score split=validation, {kind}"] = Situation(
            ("score", "run=run", "split=validation"), 2, ("likelihood",), laid_out(kind)
        )
    for kind in IMAGES:
        found[f"score text=, {kind}"] = Situation(
            ("score", "run=run", "text=x"), 2, ("text",), laid_out(kind)
        )
        found[f"export, {kind}"] = Situation(
            ("export", "run=run", "format=hf", "out={f}/hf"), 2, (EXPORTS[kind],), laid_out(kind)
        )
    return {f"verb {name}": situation for name, situation in found.items()}


def _none_made(folder: Path, answer: Answer) -> None:
    assert not (folder / "x.png").exists()


SITUATIONS = {**_prompts(), **_options(), **_verbs()}
