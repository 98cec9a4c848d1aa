"""What every verb makes of the models of every family, and why it refuses the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tools.reliability.ordinary.asked import nothing
from tools.reliability.ordinary.asking import Judge, Situation
from tools.reliability.ordinary.trained import laid_out
from tools.reliability.processes import Answer

IMAGES = ("gpt of pixels", "vae", "dcgan", "flow")
TAKES = {  # families that have what a verb needs; who else is asked is refused with what it lacks
    "interpolate": ("vae", "dcgan", "flow"),
    "reconstruct": ("vae", "flow"),
    "complete": IMAGES,
    "denoise": ("vae", "dcgan", "flow"),
    "upscale": ("vae", "dcgan", "flow"),
    "restyle": ("vae with labels", "flow with labels"),
}
# What is said of what it lacks, of texts and of images.
LACKS = {(verb, True): "images" for verb in TAKES}
LACKS |= {(verb, False): "raster order" for verb in ("denoise", "upscale")}
LACKS |= {(verb, False): verb for verb in ("interpolate", "reconstruct", "restyle")}
MORE = {"interpolate": ("steps=3",), "reconstruct": (), "restyle": ("label=7,1",)}


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
                if family in families or kind in families:
                    rows = {"interpolate": (2, 3), "reconstruct": (2, 2), "restyle": (3, 2)}.get(verb, (4, 2))
                    judge = rows_are(*rows)
                    if verb == "complete" and family == "gpt of pixels":
                        judge = _kept
                    if verb == "upscale":
                        judge = _pooled
                    told = verb != "interpolate" and labels
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
        ("restyle", "label=3"): ("without labels", "model.conditional=true"),
        ("restyle", "n=2"): ("label=",),
    }.items():
        words = (typed[0], "run=run", typed[1])
        found[" ".join(typed)] = Situation(words, 2, said, laid_out("vae"), nothing)
    for label, said in {"12": ("label=12", "0, 1"), "7,x": ("label=x",), "1 from=2": ("from=",)}.items():
        words = ("restyle", "run=run", *f"label={label}".split())
        found[f"restyle label={label}"] = Situation(words, 2, said, laid_out("vae with labels"), nothing)
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


SITUATIONS = _verbs()
