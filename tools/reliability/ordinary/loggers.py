"""Every logger, and then every command on the run that it has left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tools.reliability.ordinary.asking import Situation, trial
from tools.reliability.ordinary.trained import laid_out
from tools.reliability.processes import Answer
from tools.reliability.rows import Trial

LOGGERS = ("csv", "default", "none", "wandb", "mlflow")
COMMANDS = {
    "sample": ("run=run", "n=2", "out={f}/a.png"),
    "score": ("run=run", "split=validation", "out={f}/scores.jsonl"),
    "evaluate": ("run=run", "n=8", "metrics=nll", "out={f}/rows.jsonl"),
    "reconstruct": ("run=run", "n=2", "out={f}/b.png"),
    "interpolate": ("run=run", "n=2", "out={f}/c.png"),
    "complete": ("run=run", "n=1", "draws=1", "out={f}/d.png"),
    "denoise": ("run=run", "n=1", "draws=1", "out={f}/e.png"),
    "upscale": ("run=run", "n=1", "draws=1", "out={f}/f.png"),
    "report": ("run=run", "out={f}/report"),
    "compare": ("run", "beside"),
    "verify": ("run=run",),
    "runs": ("run=run",),
    "train": ("resume=run", "budget.steps=4"),
}
ENVIRONMENT = {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}


def _made(command: str):
    def judge(folder: Path, answer: Answer) -> None:
        named = [word.partition("=")[2] for word in COMMANDS[command] if word.startswith("out=")]
        for place in named:
            assert Path(place.replace("{f}", str(folder))).exists(), place
        run = folder / "runs" / "run"
        assert not [path for path in run.rglob("*") if path.is_symlink()]
        if command == "train":
            record = json.loads((run / "run.json").read_text())
            assert (record["status"], record["step"]) == ("finished", 4)

    return judge


def _laid(logger: str):
    """The run, and a copy of it for those who compare."""
    lay = laid_out("vae", ("model.likelihood=categorical", f"logger={logger}", "callbacks.samples.n=2"))

    def prepare(folder: Path) -> None:
        lay(folder)
        shutil.copytree(folder / "runs" / "run", folder / "runs" / "beside", symlinks=True)

    return prepare


TRIALS: dict[str, Trial] = {
    f"logger={logger}: {command}": trial(
        Situation(
            (command, *words),
            0,
            (),
            _laid(logger),
            _made(command),
            ENVIRONMENT,
        )
    )
    for logger in LOGGERS
    for command, words in COMMANDS.items()
}
