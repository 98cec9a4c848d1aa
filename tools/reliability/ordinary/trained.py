"""Small runs of every family, with and without labels, made once and copied for each trial."""

from __future__ import annotations

import functools
import shutil
import tempfile
import threading
from pathlib import Path

from tools.reliability.processes import genkit
from tools.reliability.tiny import MODELS, QUICK

QUICKLY = (*QUICK, "batch_size=8", "budget.steps=3", "callbacks.samples.n=0")
PIXELS = ("model=gpt_pixels", "data=digits", "model.n_layer=1", "model.n_head=2", "model.n_embd=16")
LABELS = ("model.conditional=true",)
KINDS = {
    "gpt": MODELS["gpt"],
    "gpt of bytes": [*MODELS["gpt"], "data.tokenizer=bytes"],
    "gpt of pixels": PIXELS,
    "gpt of pixels with labels": (*PIXELS, *LABELS),
    "vae": MODELS["vae"],
    "vae with labels": [*MODELS["vae"], *LABELS],
    "dcgan": MODELS["dcgan"],
    "dcgan with labels": [*MODELS["dcgan"], *LABELS],
    "flow": MODELS["flow"],
    "flow with labels": [*MODELS["flow"], *LABELS],
}
_lock = threading.Lock()


@functools.cache
def _lock_of(kind: str, more: tuple[str, ...]) -> threading.Lock:
    return threading.Lock()


@functools.cache
def _made(kind: str, more: tuple[str, ...]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="genkit-ordinary-"))
    given = dict(word.split("=", 1) for word in (*QUICKLY, *KINDS[kind], *more))
    words = [f"{key}={value}" for key, value in given.items()]
    environment = {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    answer = genkit("train", *words, f"paths.runs_dir={folder}", "name=run", **environment)
    assert answer.code == 0, answer.err
    return folder / "run"


def laid_out(kind: str, more: tuple[str, ...] = ()):
    """A copy of such a run in the trial's folder; it is called `run`."""

    def make(folder: Path) -> None:
        with _lock:
            own = _lock_of(kind, more)
        with own:
            made = _made(kind, more)
        shutil.copytree(made, folder / "runs" / "run")

    return make
