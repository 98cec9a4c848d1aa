"""What a notebook has set is as it was, however a call of the library ends."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from pytorch_lightning.callbacks import Callback

import genkit
from genkit.system.errors import ConfigError, DataError, Diverged
from genkit.system.interrupts import Interrupted
from tests.integration.conftest import QUICK, TINY

LOGGERS = ("pytorch_lightning", "lightning_fabric", "genkit", "")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
X = np.random.default_rng(0).random((260, 8, 8), dtype=np.float32)


def mine(number, frame):
    raise AssertionError("nobody sends a signal here")


def state():
    """Everything that a call might leave otherwise."""
    numpy = np.random.get_state()  # noqa: NPY002
    return {
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "levels": [logging.getLogger(name).level for name in LOGGERS],
        "handlers": [list(logging.getLogger(name).handlers) for name in LOGGERS],
        "threads": torch.get_num_threads(),
        "matmul": torch.get_float32_matmul_precision(),
        "tf32": torch.backends.cudnn.allow_tf32,
        "denormal": float(torch.tensor([1e-30]) * 1e-10),
        "kind": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "torch": torch.get_rng_state().tolist(),
        "numpy": (numpy[0], numpy[1].tolist(), *numpy[2:]),
        "python": random.getstate(),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "signals": [signal.getsignal(number) for number in SIGNALS],
        "wakeup": _wakeup(),
    }


def _wakeup():
    found = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(found)
    return found


@pytest.fixture
def unusual(tmp_path, monkeypatch):
    """A process in which none of that is as one finds it."""
    before = [signal.getsignal(number) for number in SIGNALS]
    threads, levels = torch.get_num_threads(), [logging.getLogger(name).level for name in LOGGERS]
    allowed, matmul = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "a filter of mine", RuntimeWarning)
        for number in SIGNALS:
            signal.signal(number, mine)
        for name, level in zip(LOGGERS, (17, 23, 11, 37), strict=True):
            logging.getLogger(name).setLevel(level)
        torch.set_num_threads(threads + 2)
        torch.set_float32_matmul_precision("medium")
        torch.backends.cudnn.allow_tf32 = not allowed
        for seed in (torch.manual_seed, np.random.seed, random.seed):
            seed(1234)
        torch.rand(7), random.random()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MINE", "1")
        monkeypatch.setenv("PL_TRAINER_MAX_STEPS", "3")
        yield
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(matmul)
    torch.backends.cudnn.allow_tf32 = allowed
    for name, level in zip(LOGGERS, levels, strict=True):
        logging.getLogger(name).setLevel(level)
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


class Stopped(Callback):
    """Somebody stops a cell."""

    def on_train_batch_end(self, trainer, *more):
        os.kill(os.getpid(), signal.SIGINT)


class Broken(Callback):
    """A callback with a fault of its own, which has changed what it found."""

    def on_train_batch_end(self, trainer, *more):
        torch.manual_seed(0), random.seed(0), np.random.seed(0)  # noqa: NPY002
        os.environ["MINE"] = "2"
        os.chdir("/")
        raise ZeroDivisionError


def words(*more):
    own = [word for word in TINY["vae"] if not word.startswith("data=")]
    return [*own, *QUICK, "name=a", "budget.steps=3", "trainer.threads=1", *more]


ENDS = {
    "success": ([], [], None),
    "a wrong word": (["model.widht=3"], [], ConfigError),
    "no room for a batch": (["data.split=peer", "data.range=[0,0.1]"], [], DataError),
    "a stop": ([], [Stopped()], Interrupted),
    "a fault": ([], [Broken()], ZeroDivisionError),
    "divergence": (["optim.lr=1e30"], [], Diverged),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_training_leaves_a_notebook_as_it_was(unusual, monkeypatch, end):
    more, callbacks, error = ENDS[end]
    asked = []
    monkeypatch.setattr("genkit.training.fit.keep_freed_memory", lambda: asked.append(1))
    before = state()
    with pytest.raises(error) if error else contextlib.nullcontext():
        typed = [
            word for word in words() if word.partition("=")[0] not in [m.partition("=")[0] for m in more]
        ]
        genkit.train([*typed, *more], data=X, callbacks=callbacks)
    after = state()
    assert {key: value for key, value in after.items() if value != before[key]} == {}
    assert not asked  # what nothing sets back is not set


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return genkit.train([*words(), f"paths.runs_dir={folder}"], data=X)["run"]


USES = {
    "load": lambda run: genkit.load(run).sample(3, seed=1),
    "evaluate": lambda run: genkit.evaluate(run, data=X, n=20),
    "a wrong run": lambda run: genkit.load(f"{run}-of-nobody"),
    "other data": lambda run: genkit.evaluate(run, data=X[:50]),
    "a wrong metric": lambda run: genkit.evaluate(run, metrics=("nlll",)),
}


@pytest.mark.parametrize("use", USES)
def test_using_a_run_leaves_a_notebook_as_it_was(unusual, run, use):
    before = state()
    with (
        pytest.raises(genkit.errors.GenkitError)
        if "a" in use.split() or "other" in use
        else contextlib.nullcontext()
    ):
        USES[use](run)
    after = state()
    assert {key: value for key, value in after.items() if value != before[key]} == {}


FIRST = """
import random, sys, warnings
import torch
random.seed(3)
before = (random.getstate(), list(warnings.filters))
import genkit
record = genkit.train([*sys.argv[1:], "name=first"])
assert (random.getstate(), list(warnings.filters)) == before
genkit.load(record["run"]).sample(2)
assert (random.getstate(), list(warnings.filters)) == before
"""


def test_the_call_that_imports_lightning_leaves_things_as_they_were_too(tmp_path):
    words = [*TINY["vae"], *QUICK, "budget.steps=2", f"paths.runs_dir={tmp_path}"]
    command = [sys.executable, "-c", FIRST, *words]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
