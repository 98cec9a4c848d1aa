"""Signals: at once where there is nothing to save, remembered where there is."""

import os
import signal

import pytest
from pytorch_lightning.callbacks import Callback

from genkit import train
from genkit.runs import read
from genkit.system.interrupts import Interrupted, Remembered
from tests.integration.conftest import words


def signalled(*, begun: bool) -> list[str]:
    """What is reached after a signal."""
    reached = []
    try:
        with Remembered() as signals:
            if begun:
                signals.begin()
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append(signal.Signals(signals.number).name)
    except Interrupted as interrupted:
        reached.append(str(interrupted.exit_code))
    return reached


def test_a_signal_ends_what_has_nothing_to_save_and_is_remembered_by_what_has():
    assert signalled(begun=False) == ["143"]
    assert signalled(begun=True) == ["SIGTERM", "143"]


class InTheFirstStep(Callback):
    """A signal while the first step computes, which would go on for ever."""

    def on_train_batch_start(self, *args):
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the step went on")


def test_a_first_step_that_does_not_end_is_interrupted(tmp_path):
    typed = words("gpt", tmp_path, "run", "budget.steps=2")
    with pytest.raises(Interrupted):
        train(typed, callbacks=[InTheFirstStep()])
    assert read(tmp_path / "run").status == "interrupted"
    record = train([f"resume={tmp_path / 'run'}", f"paths.runs_dir={tmp_path}"])
    assert (record["status"], record["step"]) == ("finished", 2)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        (["model.gradient_penalty=1", "model.norm=layer"], "model.gradient_penalty differentiate"),
        (
            ["model.r1=1", "model.gradient_penalty=1", "model.norm=none"],
            "model.gradient_penalty and model.r1",
        ),
    ],
)
def test_a_penalty_that_cannot_be_compiled_is_refused(knobs, said, tmp_path, capsys):
    from genkit.cli import main

    typed = words("dcgan", tmp_path, "run", "trainer.compile=true", "budget.steps=1", *knobs)
    assert main(["train", *typed]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "leave out trainer.compile, or the penalty" in err
    assert not (tmp_path / "run").exists()
