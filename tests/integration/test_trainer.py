"""What the group `trainer` offers works for every family, and a machine that lacks something is told."""

from __future__ import annotations

import os
import tempfile
from collections import namedtuple

import pytest
import torch

from genkit import runs
from genkit.config.settings import TrainerKnobs
from genkit.runs import checkpoints, read
from genkit.system.errors import ConfigError
from genkit.training import surroundings
from tests.integration.conftest import weights_of, words

FAMILIES = ("gpt", "dcgan", "vae", "flow")


@pytest.mark.parametrize("family", FAMILIES)
def test_mixed_precision_trains_and_samples(family, tmp_path, genkit):
    typed = words(family, tmp_path, "run", "budget.steps=3", "trainer.precision=bf16-mixed")
    assert genkit("train", *typed)[0] == 0
    assert read(tmp_path / "run").status == "finished"
    weights = checkpoints.load(tmp_path / "run" / "checkpoints" / "step-3").weights
    assert {w.dtype for w in weights.values() if w.is_floating_point()} == {torch.float32}
    out = tmp_path / ("a.txt" if family == "gpt" else "a.png")
    assert genkit("sample", f"run={tmp_path / 'run'}", "n=2", f"out={out}")[0] == 0
    plain = words(family, tmp_path, "plain", "budget.steps=3")
    assert genkit("train", *plain)[0] == 0
    assert weights_of(tmp_path / "run", 3) != weights_of(tmp_path / "plain", 3)


def test_more_threads_than_cores_are_not_used(tmp_path, genkit):
    before, cores = torch.get_num_threads(), len(os.sched_getaffinity(0))
    typed = words("vae", tmp_path, "run", "budget.steps=1", "trainer.threads=999")
    code, _, err = genkit("train", *typed)
    assert code == 0
    assert read(tmp_path / "run").sessions[-1].threads == cores
    assert f"trainer.threads=999: this machine has {cores} cores" in err
    assert torch.get_num_threads() == before  # as it was, for whoever called


def test_bfloat16_needs_a_gpu_that_has_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "an old GPU")
    mixed = TrainerKnobs(precision="bf16-mixed")
    with pytest.raises(ConfigError, match="an old GPU has no bfloat16; choose 16-mixed or 32-true"):
        surroundings.check_arithmetic(mixed, torch.device("cuda"))
    surroundings.check_arithmetic(mixed, torch.device("cpu"))
    surroundings.check_arithmetic(TrainerKnobs(precision="16-mixed"), torch.device("cuda"))


def test_a_full_disk_is_said_before_training_and_leaves_nothing(tmp_path, genkit, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(runs.run.shutil, "disk_usage", lambda place: usage(10, 10, 1000))
    code, _, err = genkit("train", *words("vae", tmp_path, "run", "budget.steps=1"))
    assert code == 6
    assert "two checkpoints of this model need" in err
    assert not (tmp_path / "run").exists()


def test_no_temporary_folder_is_needed(tmp_path, genkit, monkeypatch):
    def none():
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    assert genkit("train", *words("gpt", tmp_path, "run", "budget.steps=1"))[0] == 0
    assert genkit("sample", f"run={tmp_path / 'run'}", "n=1", f"out={tmp_path / 'a.txt'}")[0] == 0


def test_a_term_that_selects_must_be_validated(tmp_path, genkit):
    code, _, err = genkit("train", *words("gpt", tmp_path, "run", "model.select=val/nlll"))
    assert code == 2
    assert "model.select=val/nlll is not validated. Did you mean val/nll?" in err
    assert not (tmp_path / "run").exists()
    assert genkit("train", *words("gpt", tmp_path, "last", "model.select=null", "budget.steps=2"))[0] == 0
    assert not (tmp_path / "last" / "checkpoints" / "best").exists()
