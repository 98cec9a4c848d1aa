"""What each choice of a fast recipe gives: the recipe, then the recipe with one choice taken back at a time.

    python experiments/031_time_to_quality/ablate.py RECIPE [out=FILE.json] [seed=0] [words of genkit train …]

Each is a whole process of `genkit train`; printed are its wall time and its last validated score.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# By recipe: what is looked at, and by name the words that take a choice back.
RECIPES: dict[str, tuple[str, dict[str, list[str]]]] = {
    "shakespeare_fast": (
        "nll",
        {
            "AdamW instead of Muon": ["optim=adamw", "optim.lr=1e-2", "optim.warmup=20"],
            "AdamW at its usual rate": ["optim=adamw", "optim.lr=1e-3", "optim.warmup=20"],
            "a constant rate": ["optim.schedule=constant"],
            "GPT-2's blocks": [
                *("model.norm=layer", "model.activation=gelu", "model.positions=learned"),
                "model.qk_norm=false",
            ],
            "no rotary positions": ["model.positions=learned"],
            "no normalised queries and keys": ["model.qk_norm=false"],
            "batches of 12": ["batch_size=12"],
            "moving average of the weights": ["optim.ema=0.98"],
            "compiled": ["trainer.compile=true"],
        },
    ),
    "mnist_vae_fast": (
        "neg_elbo",
        {
            "the usual rate": ["optim.lr=1e-3"],
            "a constant rate": ["optim.schedule=constant"],
            "a cosine": ["optim.schedule=cosine", "optim.final=0.01"],
            "batches of 256": ["batch_size=256"],
            "moving average of the weights": ["optim.ema=0.995"],
            "compiled": ["trainer.compile=true"],
            "the example's recipe, as many epochs": [
                *("optim.lr=1e-3", "optim.schedule=constant", "optim.warmup=0"),
            ],
        },
    ),
}


def trained(recipe: str, score: str, words: list[str]) -> tuple[float, float]:
    """Seconds of the process, and the last score of its validation."""
    with tempfile.TemporaryDirectory() as runs:
        command = [sys.executable, "-m", "genkit", "train", f"experiment={recipe}", *words]
        begin = time.perf_counter()
        done = subprocess.run(
            [*command, f"paths.runs_dir={runs}"], capture_output=True, text=True, check=True
        )
        seconds = time.perf_counter() - begin
    return seconds, float(re.findall(rf"val/{score} ([\d.]+)", done.stdout)[-1])


def main(words: list[str]) -> None:
    recipe, *rest = words
    out = next((word.split("=", 1)[1] for word in rest if word.startswith("out=")), None)
    common = [word for word in rest if not word.startswith("out=")]
    score, choices = RECIPES[recipe]
    found = {}
    for name, changed in {"the recipe": [], **choices}.items():
        found[name] = trained(recipe, score, [*changed, *common])
        print(f"| {name} | {found[name][1]:.4f} | {found[name][0]:.1f} s |", flush=True)
    if out:
        Path(out).write_text(json.dumps({"recipe": recipe, "score": score, "found": found}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
