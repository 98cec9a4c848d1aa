"""Runs of earlier versions are loaded, drawn from, evaluated and resumed as if they had been made today."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import genkit

OLD = Path(__file__).parents[1] / "old_runs"
RUNS = sorted(path.parent for path in OLD.glob("*/*/config.yaml"))


@pytest.fixture(params=RUNS, ids=lambda path: f"{path.parent.name}-{path.name}")
def old(request, tmp_path, monkeypatch):
    """A copy of an old run, below a runs folder of its own."""
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(tmp_path / "runs"))
    return Path(shutil.copytree(request.param, tmp_path / "runs" / request.param.name)), request.param


def test_there_are_runs_of_every_family_for_every_schema():
    schemas = [path for path in OLD.iterdir() if path.is_dir()]
    assert schemas
    for folder in schemas:
        assert {path.name for path in RUNS if path.parent == folder} == {"gpt", "dcgan", "vae"}


def test_it_draws_what_it_drew(old):
    run, source = old
    drawn = genkit.load(run).sample(4, seed=1)
    before = json.loads((source.parent / "drawn.json").read_text("utf-8"))["drawn"][source.name]
    if isinstance(before[0], str):
        assert [drawn[i] for i in range(4)] == before
    else:  # another processor rounds differently, and levels are whole numbers
        levels = (drawn.data.permute(0, 2, 3, 1) * 255).round().numpy()
        assert np.abs(levels - np.asarray(before)).max() <= 1


def test_it_is_sound_and_scores_as_it_scored(old):
    from genkit.cli import main

    run, source = old
    assert main(["verify", f"run={run}"]) == 0
    if not (source / "evaluation.jsonl").exists():  # the game of two networks has no likelihood
        return
    before = [json.loads(line) for line in (run / "evaluation.jsonl").read_text("utf-8").splitlines()]
    assert main(["evaluate", f"run={run}", "n=64", "metrics=nll", "split=validation"]) == 0
    after = [json.loads(line) for line in (run / "evaluation.jsonl").read_text("utf-8").splitlines()]
    for one, other in zip(before, after[len(before) :], strict=True):
        assert other["value"] == pytest.approx(one["value"], rel=1e-5)
        timeless = {"value", "low", "high", "digest"}
        assert {k: v for k, v in one.items() if k not in timeless} == {
            k: v for k, v in other.items() if k not in timeless
        }


def test_it_goes_on(old):
    run, _ = old
    record = genkit.train([f"resume={run}", "budget.steps=8"])
    assert (record["status"], record["step"]) == ("finished", 8)
    assert [session["step"] for session in record["sessions"]] == [0, 6]
