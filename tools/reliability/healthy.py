"""Trainings that nothing is wrong with: none of them may have a finding of severity error."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from genkit.diagnostics.health import FILE
from tools.reliability.pathologies import SMALL
from tools.reliability.processes import genkit
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import QUICK, once

SEEDS = 3
DATA = Path(os.environ.get("GENKIT_DATA_DIR", "data"))


def _real(name: str, there: Sequence[str], otherwise: Sequence[str]) -> list[str]:
    """Words for data that is not embedded, where it is there."""
    return list(there if (DATA / name).exists() else otherwise)


PIXELS = ["model=gpt_pixels", "data=digits", "model.n_layer=1", "model.n_head=2", "model.n_embd=32"]
# A name, then the family's small model and what is typed besides.
SOUND = {
    "gpt colors": [*SMALL["gpt"], "budget.steps=300"],
    "gpt shakespeare": [
        *SMALL["gpt"],
        *_real("tinyshakespeare.txt", ["data=shakespeare"], ["data=pydocs"]),
        "budget.steps=300",
    ],
    "gpt labelled digits": [
        *PIXELS,
        *("model.conditional=true", "optim=adamw", "optim.lr=3e-3", "budget.steps=200"),
    ],
    "vae digits": [*SMALL["vae"], "budget.steps=800"],
    "vae labelled digits": [
        *SMALL["vae"],
        *("model.conditional=true", "model.likelihood=categorical", "budget.steps=800", "optim.ema=0.99"),
    ],
    "vae mnist": [
        *SMALL["vae"],
        *_real("MNIST", ["data=mnist", "data.size=16"], ["model.hidden=128"]),
        "budget.steps=600",
    ],
    "flow digits": [*SMALL["flow"], "budget.steps=600"],
    "flow labelled digits": [*SMALL["flow"], "model.conditional=true", "budget.steps=600"],
    "dcgan digits": [*SMALL["dcgan"], "budget.steps=800"],
    "dcgan labelled digits": [*SMALL["dcgan"], "model.conditional=true", "budget.steps=800"],
    "dcgan digits hinge": [*SMALL["dcgan"], "model.loss=hinge", "budget.steps=800"],
    "dcgan mnist": [
        *SMALL["dcgan"],
        *_real("MNIST", ["data=mnist", "data.size=16"], ["model.loss=least_squares"]),
        "budget.steps=500",
    ],
    # Networks of the size that people train, for some hundred steps of their recipes.
    "dcgan recipe": [
        *_real("MNIST", ["experiment=mnist_dcgan"], ["experiment=digits_dcgan"]),
        *("budget.steps=300", "trainer.val_every=60"),
    ],
    "gpt recipe": [
        *_real("tinyshakespeare.txt", ["experiment=shakespeare_cpu"], ["experiment=colors"]),
        *("budget.steps=250", "trainer.val_every=50"),
    ],
    "vae recipe": [
        *_real("MNIST", ["experiment=mnist_vae_conv", "budget.epochs=null"], ["experiment=digits_vae"]),
        *("budget.steps=300", "trainer.val_every=60"),
    ],
}


def sound(words: Sequence[str], seed: int) -> Trial:
    def trial(folder: Path) -> None:
        recipe = [] if any(word.startswith("experiment=") for word in words) else ["batch_size=32"]
        typed = once([*recipe, *words, *QUICK, f"seed={seed}", "callbacks.metrics.n=0"])
        typed += ["callbacks.samples.n=0", f"paths.runs_dir={folder}", "name=run"]
        answer = genkit("train", *typed)
        assert answer.code == 0, (answer.code, answer.err)
        found = json.loads((folder / "run" / FILE).read_text())
        errors = [f for f in found["findings"] if f["severity"] == "error"]
        told = [(f["code"], f["step"], [row.get(f["measure"]) for row in found["history"]]) for f in errors]
        assert not errors, told

    return trial


ROW = Row(
    "healthy trainings without a false error",
    {f"{name} {seed}": sound(words, seed) for name, words in SOUND.items() for seed in range(SEEDS)},
    share=30,
)
