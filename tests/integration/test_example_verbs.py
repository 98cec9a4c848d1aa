"""The image verbs from the command line, on tiny runs of every family that works on digits."""

import numpy as np
import pytest
from PIL import Image

from genkit.cli import main

WORDS = ["debug=fast", "callbacks.progress=none", "logger=none", "callbacks.samples.n=0", "batch_size=16"]
MODELS = {
    "gpt": ["model=gpt_tiny", "data=digits"],
    "vae": ["model=vae", "data=digits", "model.width=4", "model.hidden=16", "model.conditional=true"],
    "dcgan": ["model=dcgan", "data=digits", "model.width=4", "model.latent_size=4"],
}
ANSWERS = {
    "interpolate": {"vae", "dcgan"},
    "reconstruct": {"vae"},
    "complete": {"gpt", "vae", "dcgan"},
    "denoise": {"vae", "dcgan"},
    "upscale": {"vae", "dcgan"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, words in MODELS.items():
        assert main(["train", *words, *WORDS, f"name={name}", f"paths.runs_dir={folder}"]) == 0
    return folder


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("verb", ANSWERS)
def test_each_verb_answers_with_a_picture_or_a_reason(runs, capsys, tmp_path, verb, model):
    out = tmp_path / "picture.png"
    words = [verb, f"run={model}", f"paths.runs_dir={runs}", "n=2", f"out={out}"]
    words += ["draws=2"] if verb in ("complete", "denoise", "upscale") else []
    words += ["label=1"] if (verb, model) == ("interpolate", "vae") else []
    code = main(words)
    said = capsys.readouterr()
    if model in ANSWERS[verb]:
        assert code == 0, said.err
        told = verb != "interpolate" and model == "vae"  # the one that was trained with labels
        assert ("given its true label" in said.out) == told
        rows = {"interpolate": 2, "reconstruct": 2}.get(verb, 4)
        columns = 9 if verb == "interpolate" else 2
        with Image.open(out) as picture:  # digits of 8×8, enlarged four times, with lines between
            assert picture.size == (4 * (columns * 9 + 1), 4 * (rows * 9 + 1))
    else:
        assert code == 2
        assert not out.exists()
        assert len(said.err.splitlines()) == 1
        assert "raster order" in said.err or "declares" in said.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["complete", "run=vae", "mask=lowr"], "lower"),
        (["upscale", "run=vae", "factor=3"], "factor=3"),
        (["denoise", "run=vae", "scale=-1"], "scale"),
        (["reconstruct", "run=vae", "split=tset"], "test"),
        (["reconstruct", "run=vae", "n=0"], "n"),
        (["reconstruct", "run=vae", "draws=2"], "draws"),
        (["interpolate", "run=vae", "path=curly"], "spherical"),
        (["interpolate", "run=dcgan", "label=1"], "without labels"),
        (["interpolate", "run=vae", "label=12"], "label=12"),
        (["complete"], "run="),
        (["complete", "run=vea"], "vae"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(runs, capsys, words, hint):
    assert main([*words, f"paths.runs_dir={runs}"]) in (2, 4)
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert hint in said


@pytest.mark.parametrize("verb", ["reconstruct", "complete", "denoise", "upscale"])
def test_of_data_that_is_sorted_by_class_examples_of_all_classes_are_taken(verb, tmp_path, genkit):
    """Four classes of one grey level each, of which the picture's row of true examples shows as many."""
    folder, levels = tmp_path / "sorted", [20, 90, 160, 230]
    for level in levels:
        (folder / f"class{level:03}").mkdir(parents=True)
        for i in range(20):
            pixels = np.full((8, 8), level, np.uint8)
            pixels[0, 0] = i  # that none repeats another
            Image.fromarray(pixels).save(folder / f"class{level:03}" / f"{i:02}.png")
    own = ["model=vae", "model.width=4", "model.hidden=16", "data=image_folder", f"data.path={folder}"]
    places = [f"paths.runs_dir={tmp_path}"]
    assert genkit("train", *own, *WORDS, "name=r", *places)[0] == 0
    out, n = tmp_path / "shown.png", 8
    more = [] if verb == "reconstruct" else ["draws=1"]
    code, _, err = genkit(verb, "run=r", f"n={n}", "split=train", *more, f"out={out}", *places)
    assert code == 0, err
    with Image.open(out) as picture:
        pixels = np.asarray(picture)
    row = 0 if verb == "reconstruct" else 2  # the truth: before the result, or below input and answer
    size = pixels.shape[1] // n
    shown = [int(pixels[row * size + size // 2, column * size + size // 2]) for column in range(n)]
    assert set(shown) == set(levels)
