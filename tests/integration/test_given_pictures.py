"""`image=FILE` of the image verbs: a user's own picture, and what becomes of one that is of another kind."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from genkit import load
from genkit.cli import main
from genkit.core.spec import View
from tests.conftest import open_plain
from tests.integration.test_example_verbs import WORDS
from tests.unit.data.test_data_folders import SETTINGS

SMALL = ["model.width=4", "model.hidden=16"]
MODELS = {
    "gpt": ["model=gpt_tiny", "data=digits"],
    "vae": ["model=vae", "data=digits", *SMALL],
    "told": ["model=vae", "data=digits", *SMALL, "model.conditional=true"],
    "framed": ["model=vae_mlp", "data=digits", "data.size=10", "model.hidden=16"],
    "dcgan": ["model=dcgan", "data=digits", "model.width=4", "model.latent_size=4"],
    "flow": ["model=flow", "data=digits", "model.width=8", "model.patch=2"],
}
VERBS = {
    "reconstruct": ["vae", "told", "framed", "flow"],
    "complete": ["vae", "told", "gpt", "dcgan", "flow"],
    "denoise": ["vae", "dcgan", "flow"],
    "upscale": ["vae", "dcgan", "flow"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, words in MODELS.items():
        assert main(["train", *words, *WORDS, f"name={name}", f"paths.runs_dir={folder}"]) == 0
    return folder


@pytest.fixture
def own(tmp_path):
    """The first of the examples that the verbs take of the digits, as a picture of 8×8; and its label."""
    examples = open_plain({**SETTINGS, "name": "digits"}, {}, View("arrays")).split("test")
    levels, labels, _ = examples.gather(examples.some(1))
    file = tmp_path / "own.png"
    Image.fromarray(np.round(levels[0, 0] * (255 / 16)).astype(np.uint8)).save(file)
    return file, int(labels[0])


@pytest.mark.parametrize(("name", "model"), [(v, m) for v, models in VERBS.items() for m in models])
def test_a_picture_gives_what_the_same_example_of_the_data_gives(verb, own, tmp_path, name, model):
    file, label = own
    expected, found = tmp_path / "expected.png", tmp_path / "found.png"
    told = [f"label={label}"] if model == "told" else []
    assert verb(name, f"run={model}", "n=1", f"out={expected}")[0] == 0
    code, out, err = verb(name, f"run={model}", f"image={file}", *told, f"out={found}", "device=cpu")
    assert code == 0, err
    assert np.array_equal(*(np.asarray(Image.open(place)) for place in (expected, found)))
    assert (f"given label={label}" in out) == (model == "told")
    assert ("frame" in err) == (model == "framed")
    assert err.count("\n") == (model == "framed")  # of a picture of its own kind nothing is lost


def test_what_is_lost_of_a_picture_of_another_kind_is_said(verb, tmp_path):
    file = tmp_path / "photo.png"
    draw = np.random.default_rng(0)
    Image.fromarray(draw.integers(0, 256, (12, 24, 4), dtype=np.uint8), "RGBA").save(file)
    words = ["reconstruct", "run=vae", f"image={file}"]
    code, _, err = verb(*words)
    assert code == 4
    assert "24×12 and becomes 8×8: say how with fit=crop, pad or stretch" in err
    code, out, err = verb(*words, "fit=crop", f"out={tmp_path / 'out.png'}")
    assert code == 0, err
    for said in ("transparency", "colour becomes grey", "24×12 is reduced to 8×8 (fit=crop)", "17 levels"):
        assert said in err
    assert "mean squared error" in out


def test_the_middle_is_kept_of_a_picture_that_is_cropped(verb, tmp_path):
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = np.linspace(0, 255, 8, dtype=np.uint8)
    for name, pixels in {"wide": wide, "middle": wide[:, 8:16]}.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        words = [f"image={tmp_path / name}.png", f"out={tmp_path / name}-out.png", "fit=crop"]
        assert verb("reconstruct", "run=vae", *words)[0] == 0
    shown = [np.asarray(Image.open(tmp_path / f"{name}-out.png")) for name in ("wide", "middle")]
    assert np.array_equal(*shown)


def bomb(file):
    """A PNG that says it has 30,000 × 30,000 pixels."""

    def chunk(kind, content):
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


ODD = {
    "missing": (lambda file: None, "cannot be read"),
    "folder": (lambda file: file.mkdir(), "no plain file"),
    "pipe": (lambda file: os.mkfifo(file), "no plain file"),
    "text": (lambda file: file.write_text("no picture"), "no picture"),
    "empty": (lambda file: file.write_bytes(b""), "no picture"),
    "bomb": (bomb, "pixels"),
    "circle": (lambda file: file.symlink_to(file), "cannot be read"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_picture_is_refused_in_a_line(verb, tmp_path, kind):
    make, hint = ODD[kind]
    file = tmp_path / "odd.png"
    make(file)
    for name in ("reconstruct", "complete", "denoise", "upscale"):
        code, out, err = verb(name, "run=vae", f"image={file}")
        assert (code, out) == (4, "")
        assert len(err.splitlines()) == 1
        assert hint in err


def test_of_an_animation_the_first_picture_is_taken_and_that_is_said(verb, tmp_path):
    frames = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (255, 0)]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "still.png")
    for name in ("moving", "still"):
        code, _, err = verb(
            "reconstruct", "run=vae", f"image={tmp_path / name}.png", f"out={tmp_path}/{name}-o.png"
        )
        assert code == 0
        assert ("first picture is taken" in err) == (name == "moving")
    shown = [np.asarray(Image.open(tmp_path / f"{name}-o.png")) for name in ("moving", "still")]
    assert np.array_equal(*shown)


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["reconstruct", "run=told", "image=OWN"], 2, "say which the picture has by label=: 0, 1, 2"),
        (["reconstruct", "run=told", "image=OWN", "label=12"], 2, "label=12"),
        (["reconstruct", "run=vae", "image=OWN", "label=1"], 2, "without labels"),
        (["reconstruct", "run=vae", "image=OWN", "n=2"], 2, "n= is of examples of the data"),
        (["complete", "run=vae", "image=OWN", "split=train"], 2, "split= is of examples"),
        (["complete", "run=vae", "fit=crop"], 2, "fit= is of the picture of image="),
        (["complete", "run=vae", "label=1"], 2, "label= is of the picture of image="),
        (["complete", "run=vae", "image=OWN", "fit=bent"], 2, "fit=bent is none of crop, pad, stretch"),
        (["reconstruct", "run=vae", "image=OWN", "out=OWN"], 2, "itself"),
        (["reconstruct", "run=vae", "image="], 4, "image="),
        (["interpolate", "run=vae", "image=OWN"], 2, "image"),
        (["interpolate", "run=vae", "device=gpuu"], 2, "auto, cpu, gpu or mps"),
        (["complete", "run=vae", "device=mps"], 2, "device=mps"),
        (["complete", "run=vae", "n=1", "n=2"], 2, "twice"),
        (["denoise", "run=gpt", "image=OWN"], 2, "it answers complete with mask=lower"),
        (["upscale", "run=gpt", "image=OWN"], 2, "it answers complete with mask=lower"),
        (["sample", "run=gpt", "stream=true", "n=1"], 2, "draws no texts; leave it out"),
        (["complete", "run=gpt", "image=OWN", "mask=left"], 2, "it answers complete with mask=lower"),
    ],
)
def test_words_that_do_not_go_together_are_refused_in_a_line(verb, own, words, code, hint):
    found, out, err = verb(*(word.replace("OWN", str(own[0])) for word in words))
    assert (found, out) == (code, "")
    assert len(err.splitlines()) == 1
    assert hint in err


def test_an_interpolation_says_what_it_did_about_labels(verb, tmp_path):
    words = ["interpolate", "n=3", "steps=2", f"out={tmp_path / 'way.png'}"]
    for more, said in ([], "drawn at random, label= chooses"), (["label=7"], "(as label= says): 7, 7, 7"):
        code, out, _ = verb(*words, "run=told", *more)
        assert code == 0
        assert said in out
    assert "class" not in verb(*words, "run=vae")[1]


def test_the_picture_of_a_data_set_of_pictures_has_the_range_that_the_run_has(tmp_path, runs, verb):
    """16-bit pictures of which the data says that 4,095 is white."""
    folder = tmp_path / "deep"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for i in range(40):
        Image.fromarray(draw.integers(0, 4096, (8, 8)).astype(np.uint16)).save(folder / f"{i:02}.png")
    words = ["model=vae", *SMALL, "data=image_folder", f"data.path={folder}", "data.range=[0,4095]"]
    assert main(["train", *words, *WORDS, "name=deep", f"paths.runs_dir={runs}"]) == 0
    Image.fromarray(np.full((8, 8), 4095, np.uint16)).save(tmp_path / "white.png")
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(tmp_path / "eight.png")
    for name in ("white", "eight"):
        code, _, err = verb(
            "reconstruct", "run=deep", f"image={tmp_path / name}.png", f"out={tmp_path}/{name}-o.png"
        )
        assert code == 0, err
        assert ("4095 white" in err) == (name == "white")
    shown = [np.asarray(Image.open(tmp_path / f"{name}-o.png")) for name in ("white", "eight")]
    assert np.array_equal(*shown)
    assert load(runs / "deep").spec.levels == 256
