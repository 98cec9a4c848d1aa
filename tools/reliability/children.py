"""What is done in a forked process before the command: signals and failing system calls at a wanted place."""

from __future__ import annotations

import ctypes
import functools
import importlib
import itertools
import json
import os
import resource
import shutil
import signal
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.reliability import faults

MEMORY, SECONDS = 2 << 30, 20  # what a guarded process may take beyond what it has, and of the processor


def _wrapped(target: str, around: Callable[[int, Callable[[], Any]], Any]) -> None:
    """Replace the n-th call (from 1) of `module:name` or `module:Class.name` by `around(n, call)`."""
    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original, calls = getattr(owner, name), itertools.count(1)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return around(next(calls), functools.partial(original, *args, **kwargs))

    setattr(owner, name, wrapped)


def signal_at(target: str, call: int, number: int) -> None:
    """A signal at the n-th call of a function."""

    def send(n: int, go_on: Callable[[], Any]) -> Any:
        if n == call:
            os.kill(os.getpid(), number)
        return go_on()

    _wrapped(target, send)


def signal_at_step(step: int, number: int = signal.SIGTERM) -> None:
    """A signal that arrives while a batch is trained: its step is the last one."""
    signal_at("genkit.core.module:GenerativeModule.training_step", step, number)


def hub_at(address: str, home: str) -> None:
    """The Hugging Face hub at another address, for a user whose caches and tokens lie in a folder."""
    from huggingface_hub import constants

    constants.ENDPOINT = address
    constants.HUGGINGFACE_CO_URL_TEMPLATE = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    constants.HF_HUB_CACHE, constants.HF_TOKEN_PATH = f"{home}/cache", f"{home}/token"


def fault(what: int, where: str, which: str, n: int, code: int) -> None:
    """A failing system call; see `tools.reliability.faults`."""
    faults.arm(what, where, which, n, code)


def fault_within(
    target: str, call: int, what: int, where: str, number: int, told: str, code: int = 0
) -> None:
    """Count (into the file `told`), end at or change system calls of the n-th call of a function alone."""

    def within(n: int, go_on: Callable[[], Any]) -> Any:
        if n != call:
            return go_on()
        faults.arm(what, where, "", number, code)
        try:
            return go_on()
        finally:
            counted = faults.seen()
            faults.arm(0, "")
            if told:
                Path(told).write_text(str(counted))

    _wrapped(target, within)


def wait_for(file: str) -> None:
    """Until a file is there: many processes begin at once."""
    while not os.path.exists(file):
        time.sleep(0.001)


def guarded(folder: str, stdin: str = "") -> None:
    """A process that may take some time and memory, and in which a stranger's module could be imported."""
    sys.path.insert(0, str(Path(folder) / "modules"))
    if stdin:
        sys.stdin = open(stdin, encoding="utf-8")  # noqa: SIM115 (until the process ends)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def without_privileges() -> None:
    """A process that may read what the modes of files say, also as root: without capabilities, capset(2)."""
    header, data = struct.pack("Ii", 0x20080522, 0), struct.pack("6I", *[0] * 6)
    if ctypes.CDLL(None, use_errno=True).capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")


def remove_at_step(step: int, folder: str) -> None:
    """A folder that vanishes while a batch is trained."""

    def remove(n: int, go_on: Callable[[], Any]) -> Any:
        if n == step:
            shutil.rmtree(folder)
        return go_on()

    _wrapped("genkit.core.module:GenerativeModule.training_step", remove)


def broken(name: str) -> None:
    """A training that goes wrong in a known way; see `tools.reliability.breaking`."""
    from tools.reliability import breaking

    breaking.BROKEN[name]()


def tell_metrics(file: str) -> None:
    """Write down what this process knows at the end of every validation, a line each."""

    def tell(n: int, go_on: functools.partial[Any]) -> Any:
        trainer = go_on.args[1]
        known = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
        with open(file, "a") as told:
            told.write(json.dumps(known) + "\n")
        return go_on()

    _wrapped("genkit.training.checkpointing:Recorder.on_validation_end", tell)
