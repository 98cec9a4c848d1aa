"""A training called from a program leaves the process as it found it; errors keep their cause."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading

import pytest
import torch

from genkit.core.knobs import ModelKnobs
from genkit.families.vae import VAE
from genkit.inference.models import build_module
from genkit.system.errors import ConfigError
from genkit.system.process import restored
from tests.conftest import IMAGES

PROGRAM = """
import logging, os, warnings, sys
warnings.simplefilter("default")
import sklearn.datasets, torch, genkit  # (whose imports set variables)
from lightning_utilities.core.rank_zero import rank_zero_only
import pytorch_lightning
torch.set_num_threads(2)
def state():
    return {
        "filters": list(warnings.filters), "threads": torch.get_num_threads(),
        "matmul": torch.get_float32_matmul_precision(), "random": torch.get_rng_state().tolist(),
        "denormal": float(torch.tensor([1e-30]) * 1e-10), "environment": dict(os.environ),
        "levels": [logging.getLogger(n).level for n in ("pytorch_lightning", "lightning_fabric")],
        "rank": rank_zero_only.rank, "tf32": torch.backends.cudnn.allow_tf32, "grad": torch.is_grad_enabled(),
    }
calls = []
from genkit.system import processor
processor.keep_freed_memory = lambda: calls.append(1)
import genkit.training.fit
genkit.training.fit.keep_freed_memory = processor.keep_freed_memory
before = state()
genkit.train(sys.argv[1:])
after = state()
assert before["denormal"] > 0
assert after == before, [(k, set(before[k]) ^ set(after[k])) for k in before if before[k] != after[k]]
assert not calls  # what nothing sets back is not set
"""


def test_a_training_sets_everything_back(tmp_path):
    typed = ["model=vae", "data=digits", "model.width=4", "model.hidden=16", "model.latent_size=4"]
    typed += ["trainer=cpu", "trainer.threads=1", "trainer.matmul=medium", "budget.steps=2", "batch_size=8"]
    typed += ["callbacks.progress=none", "logger=csv", f"paths.runs_dir={tmp_path}", "trainer.val_batches=1"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *typed],
        env={**os.environ, "GENKIT_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_of_two_threads_the_last_one_sets_back():
    threads, entered, leave = torch.get_num_threads(), threading.Event(), threading.Event()

    def other():
        with restored():
            entered.set()
            leave.wait(10)
            torch.set_num_threads(threads + 1)

    with restored():
        logging.getLogger("pytorch_lightning").setLevel(logging.CRITICAL)
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait(10)
        torch.set_float32_matmul_precision("medium")
    assert torch.get_float32_matmul_precision() == "medium"  # the other one still trains
    leave.set()
    thread.join()
    assert torch.get_float32_matmul_precision() == "highest"
    assert torch.get_num_threads() == threads
    assert logging.getLogger("pytorch_lightning").level != logging.CRITICAL


class FaultyKnobs(ModelKnobs):
    hidden: int = 8


class MistakenKnobs(ModelKnobs):
    hiden: int = 8


class Faulty(VAE):
    """A family whose constructor has a fault of its own."""

    def __init__(self, spec, hidden=8):
        super().__init__(spec, network="mlp", latent_size=2, hidden=hidden)
        None + hidden


def test_a_fault_in_a_family_is_not_a_knob_that_it_lacks(monkeypatch):
    monkeypatch.setattr("genkit.core.registry.Registry.load", lambda table, name: Faulty)
    with pytest.raises(TypeError, match="unsupported operand"):
        build_module(FaultyKnobs(family="faulty", view="arrays"), IMAGES)
    with pytest.raises(ConfigError, match=r"unexpected keyword argument 'hiden'; see `genkit families`"):
        build_module(MistakenKnobs(family="faulty", view="arrays"), IMAGES)
