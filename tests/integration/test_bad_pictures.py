"""Folders of pictures that nobody can learn from, or not as they are: one line that says why."""

import re

import numpy as np
import pytest
from PIL import Image

MODELS = [
    ("model=vae",),
    ("model=vae", "model.network=residual"),
    ("model=vae_mlp",),
    ("model=dcgan",),
    ("model=flow",),
    ("model=codes",),
    ("model=gpt_pixels",),
]
WORDS = ("data=image_folder", "budget.steps=1", "batch_size=4", "trainer=cpu", "callbacks.progress=none")


def folder(path, *shapes):
    """Forty pictures of these shapes in turn."""
    path.mkdir()
    generator = np.random.default_rng(0)
    for i in range(40):
        pixels = generator.integers(0, 256, shapes[i % len(shapes)], dtype=np.uint8)
        Image.fromarray(pixels).save(path / f"{i:02}.png")
    return f"data.path={path}"


@pytest.mark.parametrize("words", MODELS, ids=" ".join)
@pytest.mark.parametrize(
    ("shape", "said"),
    [((1, 1, 3), "images of 1×1 are too small"), ((3, 2_000), "images of 3×2000 are too small")],
    ids=["points", "strips"],
)
def test_pictures_that_are_too_small_are_refused_by_every_model(
    tmp_path, monkeypatch, genkit, words, shape, said
):
    monkeypatch.chdir(tmp_path)
    code, _, err = genkit("train", *words, *WORDS, folder(tmp_path / "pictures", shape))
    assert code == 4, err
    assert said in err
    assert err.count("\n") == 1


def test_panoramas_take_what_their_places_take_or_are_refused_with_the_largest_batch(
    tmp_path, genkit, monkeypatch
):
    """A network down to 4 places along the short side; what does not fit is known before it begins."""
    monkeypatch.chdir(tmp_path)
    given = folder(tmp_path / "pictures", (4, 400, 3))
    words = ["model=flow", *WORDS, given]
    assert genkit("train", *words, "model.width=8")[0] == 0
    monkeypatch.setattr("genkit.training.memory.of_machine", lambda: 2 * 10**8)
    code, _, err = genkit("train", *(word for word in words if "batch" not in word), "batch_size=32")
    assert code == 2, err
    assert re.search(r"batch_size=32 examples for their gradient; lower it to \d+, raise", err)


@pytest.mark.parametrize("words", [MODELS[0], MODELS[3], MODELS[4]], ids=" ".join)
def test_colour_and_grey_together_are_colour(tmp_path, monkeypatch, genkit, words):
    monkeypatch.chdir(tmp_path)
    given = folder(tmp_path / "pictures", (8, 8, 3), (8, 8))
    code, out, err = genkit("train", *words, *WORDS, given, "name=mixed")
    assert code == 0, err
    assert "grey" in out + err
