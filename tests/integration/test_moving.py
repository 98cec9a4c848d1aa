"""A training on computed clips: an interrupted one ends where an uninterrupted one does, epochs later."""

import pytest

import genkit
from genkit import train
from genkit.system.interrupts import Interrupted
from tests.integration.conftest import weights_of
from tests.integration.test_resume import STEPS, StopAt, history

WORDS = [
    *("model=vae", "model.width=4", "model.hidden=16", "model.latent_size=4", "model.select=null"),
    *("data=moving_digits", "data.examples=100", "batch_size=40", "trainer.val_batches=1"),
    *("callbacks.samples.n=0", "logger=csv"),
    *STEPS,
]


def test_a_training_on_clips_of_later_epochs_is_resumed_exactly(tmp_path):
    """Two steps are an epoch: the interrupted one stops in the second of four."""
    words = [*WORDS, f"paths.runs_dir={tmp_path}"]
    whole = train([*words, "name=whole"])["run"]
    with pytest.raises(Interrupted):
        genkit.train([*words, "name=part"], callbacks=[StopAt(3)])
    assert train([f"paths.runs_dir={tmp_path}", "resume=part"])["step"] == 7
    assert weights_of(tmp_path / "part", 7) == weights_of(whole, 7)
    assert history(tmp_path / "part") == history(whole)
