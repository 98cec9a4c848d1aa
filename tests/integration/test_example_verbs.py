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
    "plain": ["model=vae_mlp", "data=digits", "model.hidden=16"],
    "flow": ["model=flow", "data=digits", "model.width=8", "model.patch=2", "model.conditional=true"],
}
TOLD = ("vae", "flow")  # those that were trained with labels
ANSWERS = {
    "interpolate": {"vae", "dcgan", "flow"},
    "reconstruct": {"vae", "flow"},
    "restyle": {"vae", "flow"},
    "complete": {"gpt", "vae", "dcgan", "flow"},
    "denoise": {"vae", "dcgan", "flow"},
    "upscale": {"vae", "dcgan", "flow"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, words in MODELS.items():
        assert main(["train", *words, *WORDS, f"name={name}", f"paths.runs_dir={folder}"]) == 0
    return folder


@pytest.mark.parametrize("model", ["gpt", "vae", "dcgan", "flow"])
@pytest.mark.parametrize("verb", ANSWERS)
def test_each_verb_answers_with_a_picture_or_a_reason(runs, capsys, tmp_path, verb, model):
    out = tmp_path / "picture.png"
    words = [verb, f"run={model}", f"paths.runs_dir={runs}", "n=2", f"out={out}"]
    words += ["draws=2"] if verb in ("complete", "denoise", "upscale") else []
    words += ["label=1"] if verb == "interpolate" and model in TOLD else []
    words += ["label=7,1"] if verb == "restyle" else []
    code = main(words)
    said = capsys.readouterr()
    if model in ANSWERS[verb]:
        assert code == 0, said.err
        told = verb != "interpolate" and model in TOLD
        assert ("given its true label" in said.out) == told
        rows = {"interpolate": 2, "reconstruct": 2, "restyle": 3}.get(verb, 4)
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
        (["restyle", "run=vae"], "restyle needs label="),
        (["restyle", "run=vae", "label=12"], "label=12 is no class"),
        (["restyle", "run=vae", "label=1", "from=2"], "from= is of the picture of image="),
        (["restyle", "run=gpt", "label=1"], "restyle needs Encoder, and GPT declares"),
        (["restyle", "run=dcgan", "label=1"], "restyle needs Encoder, and DCGAN declares LatentSpace."),
        (["restyle", "run=plain", "label=1"], "was trained without labels: train one with model.conditional"),
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


def test_restyling_shows_each_example_above_what_it_is_in_other_classes(runs, capsys, tmp_path):
    """Of digits and of a picture of the user's own, in two classes and in all; its own class rebuilds it."""
    own = tmp_path / "own.png"
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(own)

    def made(name, *words):
        out = tmp_path / f"{name}.png"
        assert main([*words, "run=vae", f"paths.runs_dir={runs}", f"out={out}"]) == 0
        with Image.open(out) as picture:
            return np.asarray(picture), capsys.readouterr().out

    picture, said = made("all", "restyle", "n=3", "label=all")
    assert picture.shape == (4 * (11 * 9 + 1), 4 * (3 * 9 + 1))
    assert "each given its true label; drawn anew as 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in said
    two, _ = made("two", "restyle", "n=3", "label=4,9")
    side = 4 * 9
    assert np.array_equal(two[side : 2 * side], picture[5 * side : 6 * side])
    assert np.array_equal(two[2 * side : 3 * side], picture[10 * side : 11 * side])
    assert not np.array_equal(two[side + 4 : 2 * side], two[2 * side + 4 : 3 * side])
    mine, said = made("mine", "restyle", "label=5", f"image={own}", "from=5")
    back, _ = made("back", "reconstruct", f"image={own}", "label=5")
    assert "given from=5; drawn anew as 5" in said
    assert np.array_equal(mine, back)
    assert main(["restyle", "run=vae", "label=5", f"image={own}", f"paths.runs_dir={runs}"]) == 2
    assert "say which the picture has by from=: 0, 1, 2" in capsys.readouterr().err
