"""Distributions of other people, each with one thing more: they work, and touch nothing of ours."""

import ast
import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genkit.core.spec import ArraySpec
from genkit.testing import Case, check_family
from tests.conftest import images

ROOT = Path(__file__).parents[2]
OUTSIDE = ROOT / "tests" / "outside"
DISTRIBUTIONS = ("family", "medium", "dataset", "command")
# Several commands of one process: each its exit code, what it said, what it said of errors.
SESSION = """
import contextlib, io, json, os, sys
from genkit.cli import main
ended = []
for words in json.loads(sys.argv[1]):
    typed = " ".join(["genkit", *words[2:]]) if words[0] == "--shell-completion" else ""
    os.environ["COMP_LINE"] = typed.replace("_", "")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words[:2] if typed else words)
    ended.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(ended), file=open(sys.argv[2], "w"))
"""


def digest(folder):
    """Of every file below a folder but what Python keeps for itself."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def ours():
    return digest(ROOT / "genkit") | digest(ROOT / "conf")


class Site:
    """A place where distributions are installed, and the command line beside them."""

    def __init__(self, folder):
        self.folder, self.runs = folder, folder / "runs"

    def install(self, *places):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, "--target", str(self.folder / "site"), *map(str, places)], check=True)
        return self

    def genkit(self, *commands):
        """Run commands, each a line of words, one after another; what each ended with."""
        path = os.pathsep.join([str(self.folder / "site"), str(ROOT)])
        where = {"PYTHONPATH": path, "GENKIT_RUNS_DIR": str(self.runs), "PYTHONDONTWRITEBYTECODE": "1"}
        ended = self.folder / "ended.json"
        lines = json.dumps([command.split() for command in commands])
        subprocess.run(
            [sys.executable, "-c", SESSION, lines, str(ended)],
            env={**os.environ, **where},
            cwd=self.folder,
            check=True,
            timeout=600,
        )
        return json.loads(ended.read_text())

    def done(self, *commands):
        """As `genkit`, where every command succeeds: what each said."""
        ended = self.genkit(*commands)
        for command, (code, _, err) in zip(commands, ended, strict=True):
            assert code == 0, f"{command}: {err}"
        return [out for _, out, _ in ended]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """All of them, installed; whatever they do, ours is as it was."""
    before = ours()
    yield Site(tmp_path_factory.mktemp("outside")).install(*(OUTSIDE / name for name in DISTRIBUTIONS))
    assert ours() == before


# ---------------------------------------------------------------------- five things


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
    with Image.open(site.folder / "bars.png") as shown:  # of each 8×8 pixels, whole rows and columns are lit
        lit = np.asarray(shown.convert("L"))
    assert set(np.unique(lit)) == {0, 128, 255}


@pytest.mark.slow
def test_a_medium(site):
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
    page = (site.folder / "report" / "report.html").read_text()
    assert page.count("data:image/png") >= 2
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


BROKEN = {
    "pyproject": """
        [build-system]
        requires = ["hatchling>=1.27"]
        build-backend = "hatchling.build"
        [project]
        name = "outside-broken"
        version = "0.1.0"
        [project.entry-points."genkit.families"]
        broken = "broken_things.parts:NUMBER"
        [project.entry-points."genkit.knobs"]
        "data.unhelped" = "broken_things.parts:Unhelped"
        "data.heavy" = "broken_things.heavy:Heavy"
        [project.entry-points."genkit.datasets"]
        broken = "broken_things.parts:NUMBER"
        absent = "broken_things.parts:no_such"
        listed = "broken_things.parts:listed"
        homeless = "broken_things.parts:homeless"
        unhelped = "broken_things.parts:listed"
        heavy = "broken_things.parts:listed"
        [project.entry-points."genkit.commands"]
        broken = "broken_things.parts:NUMBER"
        [project.entry-points."genkit.conf"]
        broken = "broken_things"
        [tool.hatch.build.targets.wheel]
        packages = ["broken_things"]
    """,
    "parts": """
        from dataclasses import dataclass
        import numpy as np
        from genkit.core.knobs import DataKnobs
        from genkit.core.media.medium import Medium
        from genkit.data.sources import Images

        NUMBER = 3

        class Unhelped(DataKnobs, frozen=True):
            depth: int = 3

        @dataclass(frozen=True)
        class Lines(Medium):
            def sheet(self, shown, columns=None, border=1):
                return None

        def listed(data, paths):
            return [1, 2]

        def homeless(data, paths):
            medium = Lines("lines", "a line", "lines", ("time",))
            return Images(np.zeros((20, 1, 4), np.uint8), None, medium=medium)
    """,
    "heavy": """
        import torch
        from genkit.core.knobs import DataKnobs

        class Heavy(DataKnobs, frozen=True):
            pass
    """,
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A distribution of which nothing is as it should be."""
    from textwrap import dedent

    folder = tmp_path_factory.mktemp("broken")
    package = folder / "source" / "broken_things"
    (package / "conf" / "data").mkdir(parents=True)
    (package / "conf" / "model").mkdir()
    (package / "__init__.py").touch()
    (folder / "source" / "pyproject.toml").write_text(dedent(BROKEN["pyproject"]))
    for module in ("parts", "heavy"):
        (package / f"{module}.py").write_text(dedent(BROKEN[module]))
    for name in ("broken", "absent", "listed", "homeless", "unhelped", "heavy"):
        (package / "conf" / "data" / f"{name}.yaml").write_text(f"# Broken.\nname: {name}\n")
    model = "# @package _global_\n# Broken.\nmodel: {family: broken, view: arrays, sizes: [], select: null}\n"
    (package / "conf" / "model" / "broken.yaml").write_text(model)
    return Site(folder).install(folder / "source")


def test_what_is_not_sound_is_refused_in_one_line_with_its_distribution(broken):
    refusals = {
        "train data=unhelped": "whose depth says no help",
        "data look data=broken": "is of type int, no function of data and paths",
        "data look data=absent": "cannot be imported: AttributeError",
        "data look data=listed": "returns a list",
        "data look data=homeless": "give lines an entry point in the group genkit.media",
        "train data=heavy": "imports torch: give the knobs a file of their own",
        "broken run=a": "is no command but int",
        "train model=broken data=digits": "is no class of genkit.core.module.GenerativeModule",
    }
    for command, (code, out, err) in zip(refusals, broken.genkit(*refusals), strict=True):
        assert (code, err.count("\n")) == (2, 1), (command, out, err)
        assert "outside-broken" in err
        assert refusals[command] in err, command
    assert not list((broken.folder / "runs").glob("*"))
    [overview, listed] = broken.done("--help", "data look data=digits")
    assert "train a model" in overview
    assert "digits" in listed
