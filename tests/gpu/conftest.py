"""What only a GPU can show: `make test-gpu`.  Elsewhere every test here is skipped.

`GENKIT_TEST_GPU_ON=cpu` lets them run on a CPU, to try the tests themselves.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from pytorch_lightning.callbacks import Callback

from genkit.system.processor import compute_float32

TRIED_ON_CPU = os.environ.get("GENKIT_TEST_GPU_ON") == "cpu"
ACCELERATOR = "cpu" if TRIED_ON_CPU else "gpu"
DEVICE = torch.device("cpu") if TRIED_ON_CPU else torch.device("cuda", 0)
HERE = Path(__file__).parent

if not TRIED_ON_CPU:  # before cuBLAS is first used, for the tests that ask for the same bits twice
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def pytest_collection_modifyitems(items):
    here = TRIED_ON_CPU or torch.cuda.is_available()
    for item in items:
        if HERE in item.path.parents:
            if not here:
                item.add_marker(pytest.mark.skip(reason="needs a GPU that torch can use (make test-gpu)"))
            # torch and Lightning warn of things of their own on a GPU, other ones with every version.
            item.add_marker(pytest.mark.filterwarnings("default"))


class Unwaiting(Callback):
    """From the start of one step to the end of another, whatever waits for the device raises."""

    def __init__(self, first: int = 3, last: int = 6) -> None:
        self.first, self.last, self.steps = first, last, 0

    def on_train_batch_start(self, trainer, module, batch, index):
        if index == self.first:
            forbid_waiting()

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        self.steps += self.first <= index <= self.last
        if index == self.last:
            allow_waiting()

    def on_exception(self, trainer, module, exception):
        allow_waiting()  # for what cleans up after it


def forbid_waiting():
    if not TRIED_ON_CPU:
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")


def allow_waiting():
    if not TRIED_ON_CPU:
        torch.cuda.set_sync_debug_mode("default")


def has_compiler():
    """Whether torch.compile finds what it builds its kernels with."""
    return any(shutil.which(name) for name in (os.environ.get("CC", "cc"), "gcc", "clang"))


@pytest.fixture(autouse=True)
def settled(tmp_path_factory, monkeypatch):
    """float32 is float32, and what a test has switched on is off again."""
    compute_float32("highest")
    yield
    allow_waiting()
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Packed data of the tests lie among the tests' files."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield
