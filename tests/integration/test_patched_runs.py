"""Patches of images from the command line: trained, sampled, completed, scored, evaluated, refused."""

import json

import numpy as np
import pytest
from PIL import Image

from genkit.cli import main
from genkit.core.spec import View
from tests.conftest import open_plain

WORDS = ["callbacks.progress=none", "logger=none", "callbacks.samples.n=0", "trainer=cpu", "batch_size=32"]
DATA = ["data=digits", "data.levels=2", "data.patch=[2,2]"]
SIZES = ["model=gpt_pixels", "model.n_layer=2", "model.n_head=2", "model.n_embd=32"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    words = [*SIZES, *DATA, *WORDS, "optim.lr=3e-3", "budget.steps=200", "name=p"]
    assert main(["train", *words, f"paths.runs_dir={folder}"]) == 0
    return folder


@pytest.fixture
def run(runs, capsys):
    def run(*words):
        code = main([*words, f"paths.runs_dir={runs}"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def frequencies_alone(patch):
    """Bits per pixel of the test digits by how frequent each patch is in training, one added to each."""
    opened = open_plain({"name": "digits", "levels": 2, "split": "three"}, {}, View("arrays"))
    counted = {}
    for part in ("train", "test"):
        images = opened.split(part).gather(np.arange(opened.counts[part]))[0][:, 0].astype(int)
        blocks = images.reshape(-1, 8 // patch, patch, 8 // patch, patch).swapaxes(2, 3)
        numbers = np.packbits(blocks.reshape(-1, patch * patch), axis=1)[:, 0]
        counted[part] = np.bincount(numbers, minlength=256).astype(float)
    train = counted["train"] + (counted["train"] >= 0) * 1e-3
    return -(counted["test"] * np.log2(train / train.sum())).sum() / counted["test"].sum() / patch**2


def test_it_learns_more_than_how_frequent_patches_are(run, tmp_path):
    out = tmp_path / "scores.jsonl"
    assert run("score", "run=p", "split=test", f"out={out}")[0] == 0
    row = json.loads(out.read_text())
    assert row["bits_per_dimension"] == pytest.approx(row["nats"] / np.log(2) / 64 / row["examples"])
    assert row["bits_per_dimension"] < frequencies_alone(2) - 0.03 < frequencies_alone(1)


def test_an_evaluation_says_the_same_bits(run, runs):
    assert run("evaluate", "run=p", "metrics=likelihood", "split=test")[0] == 0
    rows = [json.loads(line) for line in (runs / "p" / "evaluation.jsonl").read_text().splitlines()]
    bits = next(row for row in rows if row["metric"] == "bits_per_dimension")
    assert bits["protocol"]["dimensions"] == 64
    said = run("score", "run=p", "split=test")[1]
    assert f"{bits['value']:.4f} bits/dimension (exact)" in said


def test_samples_are_pictures_of_two_levels(run, tmp_path):
    out = tmp_path / "samples.npz"
    assert run("sample", "run=p", "n=3", f"out={out}")[0] == 0
    images = np.load(out)["images"]
    assert images.shape == (3, 8, 8, 1)
    assert set(np.unique(images)) == {0, 255}
    prompt = " ".join("1" * 8)  # two patches
    assert run("sample", "run=p", "n=3", f"out={out}", f"prompt={prompt}")[0] == 0
    assert (np.load(out)["images"][:, :2, :4] == 255).all()
    code, _, err = run("sample", "run=p", "n=3", f"out={out}", "prompt=0 1 0")
    assert (code, err.count("\n")) == (2, 1)
    assert "give a multiple of 4" in err


def test_the_lower_half_is_completed(run, tmp_path):
    out = tmp_path / "completed.png"
    assert run("complete", "run=p", "n=2", "draws=2", f"out={out}")[0] == 0
    with Image.open(out) as picture:
        assert picture.size[0] > 0
    code, _, err = run("complete", "run=p", "n=2", f"out={out}", "mask=upper")
    assert (code, err.count("\n")) == (2, 1)
    assert "mask=lower" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data.patch=[4,4]"], "16 neighbours of 2 levels have 2^16 values, and a token has 4,096 at most;"),
        (["data.patch=[4,4]"], "the largest that fits is data.patch=[2,4]"),
        (["data.patch=4", "data.levels=17"], "the largest that fits is data.patch=2"),
        (["data.patch=2", "data.levels=null", "data.size=16"], "leave it out, or set data.levels"),
        (["data.patch=3"], "an image has 8 places along width, no multiple of 3 (nearest: data.patch=2)"),
        (["data.patch=[3,2]"], "8 places along height, no multiple of 3 (nearest: data.patch=[2,2])"),
        (["data.patch=[2,2,2]"], "an image has 2 axes (height, width); give a number for each"),
        (["data.patch=0"], "nearest: data.patch=1"),
        (["data.patch=two"], "is not a number or a list: give a number of neighbours"),
        (["data.patch=2", "model=vae"], "does nothing without a model that reads tokens"),
        (["data.patch=2", "model=gpt", "data=colors"], "data.patch"),
        (["data.patch=2", "model.block_size=64"], "32 tokens"),
    ],
)
def test_what_no_patch_is_and_what_is_nearest(run, words, said):
    given = {word.partition("=")[0] for word in words}
    before = [word for word in [*SIZES[:1], *DATA] if word.partition("=")[0] not in given]
    if "data=colors" in words:
        before = []
    code, _, err = run("data", "look", *before, *words)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_patches_change_neither_what_is_judged_nor_its_parts():
    plain = {"name": "digits", "levels": 2, "split": "three"}
    opened = [
        open_plain({**plain, "patch": patch}, {}, View(kind))
        for kind, patch in (("arrays", None), ("tokens", None), ("tokens", 2), ("tokens", (2, 2)))
    ]
    assert len({dataset.fingerprint for dataset in opened}) == 1
    assert [d.spec.length for d in opened[1:]] == [64, 32, 16]
    images = opened[0].split("test").gather(np.arange(9))[0]
    for dataset in opened[1:]:
        windows, _, weights = dataset.split("test").gather(np.arange(9))
        assert (dataset.spec.shown(windows).arrays == images * 255).all()
        assert windows.dtype == np.int16
        assert (weights == dataset.spec.length).all()
