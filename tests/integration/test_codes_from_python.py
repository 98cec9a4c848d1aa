"""Runs of codes from Python, of data in memory, and trained by two processes."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import genkit
from genkit.system.errors import GenkitError
from tests.integration.conftest import QUICK, start, weights_of

CODEC = ["model=codes", "model.width=4", "model.depth=1", "model.code_levels=[3,3]"]
SMALL = ["model=gpt", "model.n_layer=1", "model.n_embd=16", "model.n_head=2"]


def test_arrays_in_memory_are_coded_by_a_codec_of_the_same_arrays(tmp_path, monkeypatch):
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(tmp_path))
    monkeypatch.setenv("GENKIT_CACHE_DIR", str(tmp_path / "cache"))
    images = np.random.default_rng(0).integers(0, 256, (400, 8, 8), dtype=np.uint8)
    genkit.train([*CODEC, *QUICK, "budget.steps=4", "name=codec"], data=images)
    words = [*SMALL, *QUICK, "budget.steps=4", "data.codec=codec"]
    record = genkit.train([*words, "name=two"], data=images)
    assert record["codec"]["name"] == "codec"
    shutil.rmtree(tmp_path / "codec")  # (a run of codes has its own)
    shown = genkit.load("two").sample(5, seed=1)
    assert shown.arrays.shape == (5, 1, 8, 8)
    rows = genkit.evaluate("two", data=images, n=20, metrics=["likelihood", "cost"], checkpoint="last")
    likely = next(row for row in rows if row.metric == "nll" and row.role == "model")
    assert likely.kind == "bound", likely.note
    genkit.train(["resume=two", "budget.steps=6"], data=images)
    other = np.random.default_rng(1).integers(0, 256, (400, 8, 12), dtype=np.uint8)
    shutil.copytree(tmp_path / "two" / "codec", tmp_path / "codec")
    with pytest.raises(GenkitError, match="makes codes of"):
        genkit.train([*words, "name=of_others"], data=other)


def test_a_study_of_arrays_in_memory_has_arms_of_two_stages(tmp_path, monkeypatch):
    monkeypatch.setenv("GENKIT_CACHE_DIR", str(tmp_path / "cache"))
    images = np.random.default_rng(0).integers(0, 256, (400, 8, 8), dtype=np.uint8)
    found = genkit.study(
        name="held",
        data=images,
        arms={"codes": {"codec": CODEC, "words": SMALL, "share": 0.5}},
        common=QUICK,
        seeds=1,
        budget={"steps": 4},
        evaluate={"n": 20, "metrics": ["likelihood", "cost"], "checkpoint": "last"},
        runs_dir=tmp_path,
    )
    assert set(found.ended.values()) == {"finished"}
    steps = {row.metric: row.value for row in found.rows if row.role == "model"}
    assert steps["training_steps"] == 4


@pytest.mark.slow
def test_two_processes_read_the_codes_and_go_on_exactly(tmp_path):
    """As each of them finds the codec in the run's own folder, the first one's is no longer needed."""
    where = [f"paths.runs_dir={tmp_path}", *QUICK, "data=digits", "data.levels=2"]
    two = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu", "trainer.threads=1"]
    genkit.train([*CODEC, *where, "budget.steps=8", "name=codec"])
    again = [*SMALL, *where, *two, "data.codec=codec", "trainer.val_every=4"]
    # The schedule is of the whole budget, so that half of it is trained as the first half of the whole.
    again += ["optim.schedule=constant", "optim.warmup=0"]

    def done(*words):
        process = start("train", *words, OMP_NUM_THREADS="1")
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0, err

    done(*again, "budget.steps=8", "name=whole")
    done(*again, "budget.steps=4", "name=half")
    shutil.rmtree(tmp_path / "codec")
    done("resume=half", "budget.steps=8", f"paths.runs_dir={tmp_path}")
    assert weights_of(tmp_path / "half", 8) == weights_of(tmp_path / "whole", 8)
