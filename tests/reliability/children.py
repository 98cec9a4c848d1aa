"""What is done in a forked process before the command: signals and failing system calls at a wanted place."""

from __future__ import annotations

import functools
import importlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from tests.reliability import faults


def _wrapped(target: str, before: Callable[[int], None]) -> None:
    """Call `before(n)` at the n-th call (from 1) of a function, `module:name` or `module:Class.name`."""
    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original, calls = getattr(owner, name), []

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        before(len(calls))
        return original(*args, **kwargs)

    setattr(owner, name, wrapped)


def signal_at_step(step: int, number: int = signal.SIGTERM) -> None:
    """A signal that arrives while a batch is trained: its step is the last one."""

    def send(call: int) -> None:
        if call == step:
            os.kill(os.getpid(), number)

    _wrapped("genkit.core.module:GenerativeModule.training_step", send)


def signal_at(target: str, call: int, number: int) -> None:
    """A signal at the n-th call of a function."""
    _wrapped(target, lambda n: os.kill(os.getpid(), number) if n == call else None)


def fault(what: int, where: str, which: str, n: int, code: int) -> None:
    """A failing system call; see `tests.reliability.faults`."""
    faults.arm(what, where, which, n, code)


def fault_within(target: str, call: int, what: int, where: str, n: int, told: str) -> None:
    """Count (into the file `told`) or end at the system calls of the n-th call of a function alone."""
    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original, calls = getattr(owner, name), []

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) != call:
            return original(*args, **kwargs)
        faults.arm(what, where, "", n)
        try:
            return original(*args, **kwargs)
        finally:
            counted = faults.seen()
            faults.arm(0, "")
            if told:
                with open(told, "w") as file:
                    file.write(str(counted))

    setattr(owner, name, wrapped)


def wait_for(file: str) -> None:
    """Until a file is there: many processes begin at once."""
    while not os.path.exists(file):
        time.sleep(0.001)
