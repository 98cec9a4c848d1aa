"""What a training sets of its whole process, and sets back for the program or notebook that called it."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from lightning_utilities.core.rank_zero import rank_zero_only

LIGHTNING = ("pytorch_lightning", "lightning_fabric")
_lock, _within = threading.Lock(), 0
_back: list[Callable[[], object]] = []


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Warnings, levels of logs, threads, precision, denormals, random generators of torch, NumPy and Python,
    the folder and the environment are afterwards as they were before.

    Of contexts in several threads the last to be left restores what the first has found.
    """
    global _within
    with _lock:
        if not _within:
            _back[:] = _found()
        _within += 1
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if not _within:
                for restore in reversed(_back):
                    restore()


def _found() -> list[Callable[[], object]]:
    """What restores each of the settings that there are now."""
    caught = warnings.catch_warnings()
    caught.__enter__()
    back: list[Callable[[], object]] = [lambda: caught.__exit__(None, None, None)]
    for logger in map(logging.getLogger, LIGHTNING):
        back.append(partial(logger.setLevel, logger.level))
    narrow = torch.backends.cudnn.allow_tf32
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    flushed = float(torch.tensor([1e-30]) * 1e-10) == 0
    drawn, rank = torch.get_rng_state(), getattr(rank_zero_only, "rank", 0)
    environment, kind = dict(os.environ), torch.get_default_dtype()
    back += [
        lambda: torch.set_num_threads(threads),
        lambda: torch.set_float32_matmul_precision(precision),
        lambda: setattr(torch.backends.cudnn, "allow_tf32", narrow),
        lambda: torch.set_flush_denormal(flushed),
        lambda: torch.set_rng_state(drawn),
        partial(random.setstate, random.getstate()),
        partial(np.random.set_state, np.random.get_state()),  # noqa: NPY002 (the global one)
        lambda: torch.set_default_dtype(kind),
        lambda: setattr(rank_zero_only, "rank", rank),
        lambda: _restore_environment(environment),
    ]
    with contextlib.suppress(OSError):  # (a folder may be gone while one is in it)
        back.append(partial(os.chdir, os.getcwd()))
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states = torch.cuda.get_rng_state_all()
        back.append(lambda: torch.cuda.set_rng_state_all(states))
    return back


def _restore_environment(before: dict[str, str]) -> None:
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)
