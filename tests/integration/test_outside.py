"""Distributions of other people, each with one thing more: they work, and touch nothing of ours."""

import ast
import csv
import json

import numpy as np
import pytest
from PIL import Image

from genkit.core.spec import ArraySpec
from genkit.testing import Case, check_family
from tests.conftest import images
from tests.outside_site import DISTRIBUTIONS, OUTSIDE, Site, ours


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """All of them, installed; whatever they do, ours is as it was."""
    before = ours()
    yield Site(tmp_path_factory.mktemp("outside")).install(*(OUTSIDE / name for name in DISTRIBUTIONS))
    assert ours() == before


# ---------------------------------------------------------------------- five things


@pytest.mark.slow
def test_a_family(site):
    _, families, sampled, (code, _, err), (_, helped, _) = site.genkit(
        "train model=diagonal data=digits budget.steps=60 optim.lr=0.3 model.min_scale=0.5 name=flow",
        "families",
        "sample run=flow n=4 out=flow.png",
        "train model=diagonal model.min_scale=-1",
        "train model=diagonal --help",
    )
    assert "diagonal" in families[1]
    assert sampled[0] == 0
    with Image.open(site.folder / "flow.png") as grid:
        assert grid.size == (76, 76)
    assert (code, err.count("\n")) == (2, 1)
    assert "model.min_scale=-1" in err
    assert "give a positive one" in err
    assert "standard deviation of an entry" in helped
    findings = json.loads((site.folder / "runs" / "flow" / "findings.json").read_text())
    assert [found["code"] for found in findings["findings"]].count("scales_at_floor") == 1


def test_the_family_passes_the_suite(monkeypatch):
    monkeypatch.syspath_prepend(str(OUTSIDE / "family"))
    from genkit_flow.diagonal import Diagonal

    check_family(Case(lambda: Diagonal(ArraySpec(1, (8, 8), levels=17)), images))


def test_a_dataset(site):
    look, _, helped, _, (code, _, err) = site.genkit(
        "data look data=bars data.examples=500",
        "data show data=bars n=400 out=bars.png",
        "train data=bars --help",
        "train model=gpt_tiny data=bars data.chance=0.5 data.examples=200 budget.steps=3 name=bars",
        "train model=gpt_tiny data=bars data.chance=1.5",
    )
    assert "[1, 8, 8]" in look[1]
    assert "train        450 examples" in look[1]
    assert "data.chance=0.125" in helped[1]
    assert "of a bar to be lit" in helped[1]
    assert (site.folder / "runs" / "bars" / "checkpoints" / "last").exists()
    assert (code, err.count("\n")) == (2, 1)
    assert "data.chance=1.5" in err
    with Image.open(site.folder / "bars.png") as shown:
        assert len(shown.getcolors()) == 3  # unlit, lit, and the lines between


def test_what_is_lit_of_the_bars_is_in_a_bar(monkeypatch):
    monkeypatch.syspath_prepend(str(OUTSIDE / "dataset"))
    from genkit_bars.bars import bars

    lit = bars({"examples": 4_000, "chance": 0.25}, {}).images[:, 0] == 1  # (N, 8, 8)
    rows, columns = lit.all(2, keepdims=True), lit.all(1, keepdims=True)
    assert (lit == (rows | columns)).all()
    assert abs(lit.mean() - (1 - 0.75**2)) < 0.01


@pytest.mark.slow
def test_a_medium_and_a_metric(site):
    """Points in the plane, as floats and as tokens: trained on, drawn as one scatter, judged, reported."""
    vae = "model=vae_mlp model.likelihood=categorical model.latent_size=2 model.hidden=64 optim.lr=0.003"
    site.done(
        f"train {vae} data=moons batch_size=128 budget.steps=300 name=vae",
        "train model=gpt_tiny data=moons batch_size=128 budget.steps=60 name=gpt",
        "sample run=vae n=200 pixels=drawn out=vae.png",
        "sample run=vae n=200 pixels=drawn out=vae.csv",
        "sample run=vae n=200 pixels=drawn out=vae.npz",
        "sample run=gpt n=50 out=gpt.png",
        "data show data=moons n=100 out=moons.png",
        "reconstruct run=vae out=back.png",
        "evaluate run=vae n=200 pixels=drawn",
        "evaluate run=gpt n=100 metrics=reach,likelihood",
        "evaluate --help",
        "report run=vae run=gpt out=report",
    )
    for name in ("vae", "gpt", "moons", "back"):
        with Image.open(site.folder / f"{name}.png") as scatter:
            assert scatter.size == (262, 262)
            colours = {colour for _, colour in scatter.getcolors(100_000)}
            assert (255, 255, 255) in colours
            assert len(colours) > 2  # beside the plane and its frame
    with open(site.folder / "vae.csv", newline="") as file:
        rows = [(float(row["across"]), float(row["up"])) for row in csv.DictReader(file)]
    with np.load(site.folder / "vae.npz", allow_pickle=False) as held:
        assert held["arrays"].shape == (200, 2, 1)
        assert np.allclose(held["arrays"][:, :, 0] / 255, rows, atol=1e-4)
    lines = [(site.runs / name / "evaluation.jsonl").read_text().splitlines() for name in ("vae", "gpt")]
    vae, gpt = ({row["metric"] for row in map(json.loads, own)} for own in lines)
    assert {"nll", "sliced_wasserstein", "exact_copies"} <= vae
    assert {"nll", "reach"} <= gpt
    page = (site.folder / "report" / "report.html").read_text()
    assert page.count("data:image/png") >= 2
    assert "reach" in page
    assert (site.folder / "runs" / "gpt" / "samples" / "step-60.png").is_file()
    for wrong, said in (
        ("sample run=vae n=1 out=a.txt", ".png, .csv, .npz"),
        ("train model=dcgan data=moons", "not 1: choose another model"),
        ("upscale run=vae out=b.png", "factor=2"),
        ("train model=vae_mlp data=moons data.flip=true", "data.flip"),
    ):
        [(code, _, err)] = site.genkit(wrong)
        assert (code, err.count("\n")) == (2, 1), err
        assert said in err


STUDY = """
question: Which draws the better moons?
common: [data=moons, data.examples=400, batch_size=64, trainer.threads=1]
arms:
  flow: [model=diagonal, optim.lr=0.01]
  gpt: [model=gpt_tiny, model.n_layer=1]
seeds: 2
budget: {steps: 40}
primary: reach
evaluate: {n: 50, metrics: [reach, sliced_wasserstein]}
"""


@pytest.mark.slow
def test_a_study_of_all(site):
    """A family, a medium, its dataset and a metric of others in one study, decided and reported."""
    (site.folder / "moons.yaml").write_text(STUDY)
    site.done("study study=moons.yaml")
    table = (site.runs / "moons" / "report" / "tables" / "summary.md").read_text()
    assert "reach" in table
    assert "sliced_wasserstein" in table
    page = (site.runs / "moons" / "report" / "report.html").read_text()
    assert page.count("data:image/png") >= 2  # a scatter of each arm


def test_a_command(site):
    _, curve, short, helped, overview, words, runs, (code, _, err) = site.genkit(
        "train model=gpt_tiny data=bars data.examples=100 budget.steps=8 trainer.val_every=2 name=seen",
        "curve run=seen term=val/nll",
        "curve run=seen term=val/nll width=2",
        "curve --help",
        "--help",
        "--shell-completion query=bash curve _",
        "--shell-completion query=bash curve run=",
        "curve run=seen term=val/nl",
    )
    assert curve[0] == 0
    blocks = curve[1].split()[1]
    assert set(blocks) <= set("▁▂▃▄▅▆▇█")
    assert {"▁", "█"} <= set(blocks)
    assert short[1].split()[1] == blocks[-2:]
    assert "how a number of a training went" in overview[1]
    assert "from 1 to 1,000" in helped[1]
    assert {"run=", "term=", "width="} <= set(words[1].split())
    assert "run=seen" in runs[1].split()
    assert (code, err.count("\n")) == (2, 1)
    assert "Did you mean val/nll?" in err


# ---------------------------------------------------------------------- that they keep to themselves


def imports(file):
    """The names that a file imports of genkit, dotted."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "genkit":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "genkit")


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_they_import_what_is_public_and_write_into_nothing(name):
    files = sorted((OUTSIDE / name).rglob("*.py"))
    found = [dotted for file in files for dotted in imports(file)]
    assert found
    assert not [dotted for dotted in found if any(part.startswith("_") for part in dotted.split("."))]
    for file in files:
        whole = [*ast.walk(ast.parse(file.read_text()))]
        bound = {
            (alias.asname or alias.name).split(".")[0]
            for node in whole
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        for node in whole:
            if isinstance(node, ast.Name):
                assert node.id not in ("setattr", "delattr", "exec", "eval", "vars"), file
            if not isinstance(node, ast.Attribute | ast.Subscript):
                continue
            whose = next((inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)), "")
            if whose in bound:
                assert isinstance(node.ctx, ast.Load), f"{file} writes into {whose}"
                assert not getattr(node, "attr", "").startswith("_"), f"{file} reads {whose}.{node.attr}"


def test_they_are_small():
    """What outsiders copy: no file of theirs needs more than a screen or two."""
    for file in OUTSIDE.rglob("*.py"):
        assert len(file.read_text().splitlines()) <= 90, file
