"""SIGTERM and SIGINT in every phase of a training: saved, said in a line, the exit code, an exact resume."""

from __future__ import annotations

import signal
from pathlib import Path

from genkit import runs
from genkit.runs import checkpoints
from tools.reliability.processes import genkit
from tools.reliability.resuming import ends_as_whole, resume
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import MODELS, words

SETTING = "averaged"  # validation every 6 steps, checkpoints every 5
# Where it arrives: a function and which call of it; the step that is saved then (None: no run exists yet).
PHASES: dict[str, tuple[str, int, int | None]] = {
    "while data is opened": ("genkit.data:open_dataset", 1, None),
    "while the model is made": ("genkit.training.fit:build_module", 1, 0),
    "in a batch": ("genkit.core.module:GenerativeModule.training_step", 9, 9),
    "in a validation": ("genkit.core.module:GenerativeModule.validation_step", 2, 12),
    "in a save": ("genkit.runs.checkpoints:_put", 2, 6),
    "at the end": ("genkit.training.checkpointing:Recorder.on_train_end", 1, 24),
}


def signalled(family: str, phase: str, number: int) -> Trial:
    target, call, saved = PHASES[phase]

    def trial(folder: Path) -> None:
        typed = words(family, folder, "run", setting=SETTING)
        answer = genkit(*typed, before=("signal_at", target, call, number))
        assert answer.code == 128 + number, (answer.code, answer.err)
        assert answer.is_one_line, answer.err
        if saved is None:
            assert not list(folder.iterdir())
            assert genkit(*typed).code == 0
        else:
            record = runs.read(folder / "run")
            assert record.status == "interrupted", record.status
            step = max(checkpoints.available(folder / "run" / "checkpoints"), default=0)
            assert 0 <= step - saved <= 1, (step, saved)
            assert "genkit train resume=run" in answer.err
            resume(folder)
        assert runs.read(folder / "run").status == "finished"
        ends_as_whole(folder, family, SETTING)

    return trial


ROW = Row(
    "SIGTERM and SIGINT by phase",
    {
        f"{number.name} {phase} {family}": signalled(family, phase, number)
        for phase in PHASES
        for family in MODELS
        for number in (signal.SIGTERM, signal.SIGINT)
    },
    share=18,
)
