"""Distributions of other people, each with one thing more: they work, and touch nothing of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from genkit.core.spec import ArraySpec
from genkit.testing import Case, check_family
from tests.conftest import images

OUTSIDE = Path(__file__).parents[1] / "outside"


def installed(tmp_path, which):
    """The command line beside a distribution of `tests/outside`."""
    site, runs = tmp_path / "site", tmp_path / "runs"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), str(OUTSIDE / which)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site), "GENKIT_RUNS_DIR": str(runs)}

    def genkit(*words):
        command = [sys.executable, "-m", "genkit", *words]
        return subprocess.run(command, env=environment, text=True, capture_output=True)

    return genkit


@pytest.mark.slow
def test_outside_family_trains_and_samples(tmp_path):
    genkit = installed(tmp_path, "family")
    trained = genkit("train", "model=diagonal", "data=digits", "budget.steps=20", "name=outside")
    assert trained.returncode == 0, trained.stderr
    assert "val/nll" in trained.stdout
    sampled = genkit("sample", "run=outside", "n=4", f"out={tmp_path / 'grid.png'}")
    assert sampled.returncode == 0, sampled.stderr
    assert (tmp_path / "grid.png").stat().st_size > 0
    assert "diagonal" in genkit("families").stdout
    refused = genkit("train", "model=diagonal", "model.min_scale=-1")
    assert refused.returncode == 2
    assert "min_scale" in refused.stderr


def test_outside_family_passes_the_suite(monkeypatch):
    monkeypatch.syspath_prepend(str(OUTSIDE / "family"))
    from genkit_flow.diagonal import Diagonal

    check_family(Case(lambda: Diagonal(ArraySpec(1, (8, 8), levels=17)), images))


@pytest.mark.slow
def test_outside_medium_trains_and_shows_itself(tmp_path):
    """Points in the plane, as floats and as tokens: trained on, drawn, saved as one scatter."""
    genkit = installed(tmp_path, "medium")
    for model in (("vae", "model.network=mlp"), ("gpt_pixels",)):
        name = model[0]
        words = (f"model={model[0]}", *model[1:], "data=moons", "budget.steps=60", f"name={name}")
        trained = genkit("train", *words)
        assert trained.returncode == 0, trained.stderr
        assert (tmp_path / "runs" / name / "samples" / "step-60.png").is_file()
        sampled = genkit("sample", f"run={name}", "n=50", f"out={tmp_path / name}.png")
        assert sampled.returncode == 0, sampled.stderr
        with Image.open(tmp_path / f"{name}.png") as scatter:
            assert scatter.size == (64, 64)
            assert 1 <= scatter.histogram()[0] <= 50
    refused = genkit("sample", "run=vae", "n=1", f"out={tmp_path / 'a.txt'}")
    assert refused.returncode == 2
    assert ".png, .npz" in refused.stderr
