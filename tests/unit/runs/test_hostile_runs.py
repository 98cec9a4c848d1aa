"""What a stranger's run and study are not believed: a model of other data, averages and weights of others."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from safetensors.torch import save_file

from genkit import config
from genkit.cli import main
from genkit.core.codecs import CharCodec
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.runs import Run, checkpoints
from genkit.runs.checkpoints import Checkpoint
from genkit.runs.verification import _averaged
from genkit.system.errors import CheckpointError
from genkit.system.launchers import place_of
from genkit.training import fit


@pytest.mark.parametrize(
    ("spec", "view", "refused"),
    [
        (ArraySpec(1, (8, 8)), "tokens", True),
        (ArraySpec(1, (8, 8)), "arrays", False),
        (TokenSpec(CharCodec.of("ab")), "arrays", True),
        (TokenSpec(CharCodec.of("ab")), "tokens", False),
    ],
)
def test_a_model_of_tokens_on_pictures_is_refused(spec, view, refused, tmp_path):
    with (
        pytest.raises(CheckpointError, match=f"model.view={view}, and the run's")
        if refused
        else nullcontext()
    ):
        cfg = config.typed({"model": {"family": "gpt", "view": view}, "data": {"name": "digits"}})
        config.check_reads(cfg, spec, tmp_path / "config.yaml")


def test_averages_of_other_weights_are_listed(tmp_path):
    for name, tensor in (("weights", "a"), ("ema", "b")):
        save_file({tensor: torch.ones(2)}, tmp_path / f"{name}.safetensors")
    assert "ema.safetensors has b, which is no average" in next(_averaged(tmp_path))
    save_file({"a": torch.ones(2)}, tmp_path / "ema.safetensors")
    assert not list(_averaged(tmp_path))


class Fake:
    """A module of one weight."""

    def __new__(cls, value=1.0):
        made = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.constant_(made.weight, value)
        return made


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_training_begins_with_no_weights_that_are_not_finite(value, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.yaml").write_text("model: {}\n")
    checkpoints.save(other / "checkpoints", Checkpoint(1, {"weight": torch.full((1, 1), value)}))
    words = ["model=vae", "data=digits", f"init_from={other}", f"paths.runs_dir={tmp_path}"]
    cfg = config.compose("train", words)
    (tmp_path / "new").mkdir()
    with pytest.raises(CheckpointError, match=r"1 tensors are not finite \(weight"):
        fit._checkpoint(cfg, Run(tmp_path / "new"), Fake(), place_of(1, 1))


def test_a_run_whose_checkpoints_are_none_is_not_trained_anew(tmp_path):
    (tmp_path / "checkpoints" / "step-6").mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"step-6 is no checkpoint: its manifest\.json is missing"):
        fit._checkpoint(config.compose("train", []), Run(tmp_path), Fake(), place_of(1, 1))


def test_a_dataset_is_no_knob(capsys):
    assert main(["train", "data.name=text_file", "budget.steps=1"]) == 2
    assert "data.name comes with data=; choose one of" in capsys.readouterr().err


def test_a_member_of_a_damaged_study_is_refused_whatever_the_environment(tmp_path, monkeypatch, capsys):
    for name in ("DATA_DIR", "RUNS_DIR", "CACHE_DIR"):
        monkeypatch.delenv(f"GENKIT_{name}", raising=False)
    assert main(["member", str(tmp_path), "0"]) == 3
    assert "0000.yaml is missing" in capsys.readouterr().err
