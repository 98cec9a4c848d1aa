"""One process and two on the same global batch end within rounding of each other, for every family."""

import json

import pytest
from safetensors.torch import load_file

from genkit import train
from genkit.runs import read

FAMILIES = {
    "gpt": ["model=gpt", "data=colors", "model.n_layer=1", "model.n_embd=32", "batch_size=16"],
    "dcgan": ["model=dcgan", "data=digits", "model.width=8", "batch_size=16"],
    "vae": ["model=vae_mlp", "data=digits", "model.hidden=32", "batch_size=16"],
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_two_processes_equal_one(family, tmp_path):
    words = [*FAMILIES[family], "budget.steps=6", "callbacks.progress=none", f"paths.runs_dir={tmp_path}"]
    records = {
        trainer: train([*words, f"trainer={trainer}", f"name={trainer}"]) for trainer in ("cpu", "ddp_cpu")
    }
    weights = {
        name: load_file(tmp_path / name / "checkpoints" / "step-6" / "weights.safetensors")
        for name in records
    }
    for name, one in weights["cpu"].items():
        assert one.shape == weights["ddp_cpu"][name].shape
        difference = (one.double() - weights["ddp_cpu"][name].double()).abs().max()
        # Adam divides by the size of the gradient: where that is rounding, the update is as large as any.
        assert float(difference) < 2e-4, name
    for name, value in records["cpu"]["final"].items():
        assert read(tmp_path / "ddp_cpu")["final"][name] == pytest.approx(value, rel=1e-3)
    measured = [json.loads((tmp_path / name / "findings.json").read_text())["history"] for name in records]
    assert [row["step"] for row in measured[1]] == [row["step"] for row in measured[0]] != []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cpu", "ddp_cpu"]
