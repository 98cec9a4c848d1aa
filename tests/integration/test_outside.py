"""Distributions of other people, each with one thing more: they work, and touch nothing of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genkit.core.spec import ArraySpec
from genkit.testing import Case, check_family
from tests.conftest import images

SOURCE = Path(__file__).parents[1] / "outside" / "family"


@pytest.mark.slow
def test_outside_family_trains_and_samples(tmp_path):
    site, runs = tmp_path / "site", tmp_path / "runs"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), str(SOURCE)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site), "GENKIT_RUNS_DIR": str(runs)}

    def genkit(*words):
        command = [sys.executable, "-m", "genkit", *words]
        return subprocess.run(command, env=environment, text=True, capture_output=True)

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
    monkeypatch.syspath_prepend(str(SOURCE))
    from genkit_flow.diagonal import Diagonal

    check_family(Case(lambda: Diagonal(ArraySpec(1, (8, 8), levels=17)), images))
