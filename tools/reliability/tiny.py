"""Small trainings (below 20,000 parameters) and what one of them leaves behind, byte by byte."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import genkit
from genkit import runs
from genkit.runs import checkpoints

STEPS = 24
MODELS = {
    "gpt": [
        *("model=gpt", "data=colors", "model.block_size=16", "model.n_layer=1", "model.n_head=2"),
        *("model.n_embd=16", "model.dropout=0.1"),
    ],
    "dcgan": ["model=dcgan", "data=digits", "model.width=4", "model.latent_size=4", "callbacks.metrics.n=8"],
    "vae": ["model=vae", "data=digits", "model.width=4", "model.hidden=16", "model.latent_size=4"],
    "flow": ["model=flow", "data=digits", "model.width=8", "model.levels=1", "model.patch=2"],
}
QUICK = ["trainer=cpu", "trainer.val_batches=1", "callbacks.progress=none", "logger=csv", "trainer.threads=1"]
# Each with shuffled data, validation between two epochs, and samples at each of them.
SETTINGS = {
    "plain": ["batch_size=8", "trainer.val_every=7", "trainer.log_every=1", "callbacks.samples.n=2"],
    "averaged": [
        *("batch_size=8", "trainer.val_every=6", "trainer.accumulate=2", "optim.ema=0.9", "optim.warmup=5"),
        *("optim.schedule=cosine", "callbacks.samples.n=0", "callbacks.checkpoint.every=5"),
    ],
    # 1,437 images and 3,793 windows: 2 and 5 epochs in 24 steps.
    "epochs": ["batch_size=120", "trainer.val_every=10", "trainer.log_every=3", "callbacks.samples.n=0"],
    "counted": [
        *(
            "batch_size=16",
            "trainer.val_every=4",
            "callbacks.early_stopping.patience=90",
            "optim.schedule=wsd",
        ),
        *("callbacks.samples.n=0", "callbacks.checkpoint.every=1", "optim=adamw", "optim.ema=0.8"),
    ],
}
TERM = {
    "gpt": "nll",
    "dcgan": "kid",
    "vae": "neg_elbo",
    "flow": "velocity_error",
}  # what early stopping counts


def words(family: str, folder: Path, name: str, *more: str, setting: str = "plain") -> list[str]:
    """What to type for such a training; the last word for a key counts."""
    typed = [*MODELS[family], *QUICK, *SETTINGS[setting], f"budget.steps={STEPS}"]
    if setting == "counted":
        typed.append(f"callbacks.early_stopping.metric=val/{TERM[family]}")
    return ["train", *once([*typed, f"paths.runs_dir={folder}", f"name={name}", *more])]


def once(words: Iterable[str]) -> list[str]:
    """Each key with its last value."""
    return list({word.partition("=")[0]: word for word in words}.values())


def ending(run: Path) -> dict[str, Any]:
    """All that a finished run holds which a clock does not decide, and samples drawn from it now."""
    record = runs.read(run)
    place = checkpoints.locate(run / "checkpoints", "last")
    state = checkpoints.load(place, trainer=True)
    found: dict[str, Any] = {path.name: path.read_bytes() for path in place.glob("*.safetensors")}
    trainer = json.loads((place / "trainer.json").read_text())
    # Whether a checkpoint was written before or after the validation of its step is how it came about.
    clock = ("seconds", "wall_seconds", "validated", "best", "callbacks")
    found["trainer.json"] = [pair for pair in trainer["dict"] if pair[0] not in clock]
    found["step"], found["final"], found["best"] = state.step, record.final, record.best
    found["best pointer"] = _text(run / "checkpoints" / "best")
    with open(run / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    found["metrics.csv"] = [{k: v for k, v in row.items() if k != "examples_per_second"} for row in rows]
    found["findings.json"] = json.loads((run / "findings.json").read_text())
    found["samples"] = {path.name: path.read_bytes() for path in sorted((run / "samples").glob("*"))}
    drawn = genkit.load(run).sample(2, seed=5)
    found["drawn"] = [sample.tolist() for sample in drawn.data]
    return found


def assert_same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """That two endings are one; what differs is named."""
    differ = [key for key in {**wanted, **found} if found.get(key) != wanted.get(key)]
    shown = [f"{key}: {str(found.get(key))[:150]} / {str(wanted.get(key))[:150]}" for key in differ[:3]]
    assert not differ, f"{', '.join(differ)} differ; {'; '.join(shown)}"


def strays(folder: Path) -> list[str]:
    """Files below a runs folder that no run should hold."""
    fine = {"config.yaml", "run.json", "spec.json", "metrics.csv", "findings.json", ".lock", "last", "best"}
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*"))]
    hidden = [str(name) for name in names if name.name.startswith(".") and name.name != ".lock"]
    other = [
        str(name)
        for name in names
        if len(name.parts) > 1
        and (folder / name).is_file()
        and name.name not in fine
        and name.parts[1] not in ("checkpoints", "samples", "tensorboard")
    ]
    return hidden + other


def _text(file: Path) -> str | None:
    return file.read_text() if file.exists() else None
