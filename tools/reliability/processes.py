"""Processes of genkit within milliseconds: forked from a server that has imported torch and Lightning."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.reliability import faults

PRELOADED = ["tools.reliability.warm"]
TIMEOUT = 600.0  # seconds until a process counts as hanging
_server: Any = None
_lock = threading.Lock()


def server() -> Any:
    """The context of the fork server, started once, with the system calls of `faults` laid under it."""
    global _server
    with _lock:  # who comes second waits until the server runs in its own environment
        if _server is None:
            _server = multiprocessing.get_context("forkserver")
            _server.set_forkserver_preload(PRELOADED)
            with changed_environment(OMP_NUM_THREADS="1", LD_PRELOAD=str(faults.library() or "")):
                run = _server.Process(target=_nothing)
                run.start()
                run.join()
    return _server


@contextlib.contextmanager
def changed_environment(**values: str) -> Iterator[None]:
    """Other variables of the environment, until it is left."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _nothing() -> None:
    """A first process, so that the server is there."""


@dataclass(frozen=True)
class Answer:
    """What a process said; a code below 0 is the signal that ended it."""

    code: int
    out: str
    err: str

    @property
    def is_one_line(self) -> bool:
        """Whether it refused as a command should: one line of genkit's own, no traceback."""
        last = self.err.strip().splitlines()[-1:]
        return "Traceback" not in self.err and bool(last) and last[0].startswith("genkit: ")


class Process:
    """`genkit WORDS` in a process of its own.

    Args:
        words: as typed.
        before: a function of `tools.reliability.children` to call first, with its arguments.
        environment: added to this process's.
    """

    def __init__(
        self, words: Sequence[str], before: Sequence[Any] = (), environment: dict[str, str] | None = None
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="genkit-reliability-")
        self._files = [Path(self._folder.name) / name for name in ("out", "err", "code")]
        arguments = (list(words), list(before), environment or {}, [str(file) for file in self._files])
        self._process = server().Process(target=_work, args=arguments)
        self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self, number: int = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, timeout: float = TIMEOUT) -> Answer:
        """Until it ends; an AssertionError if it does not."""
        self._process.join(timeout)
        hangs = self._process.is_alive()
        if hangs:
            self.kill()
            self._process.join()
        out, err, told = (file.read_text(errors="replace") if file.exists() else "" for file in self._files)
        self._folder.cleanup()
        assert not hangs, f"it hangs: {err[-500:]}"
        # The server now and then loses an exit code (and says 255), so a process writes its own down as well.
        return Answer(int(told) if told else self._process.exitcode, out, err)


def genkit(*words: str, before: Sequence[Any] = (), **environment: str) -> Answer:
    """Run a command to its end."""
    return Process(words, before, environment).wait()


def _work(words: list[str], before: list[Any], environment: dict[str, str], files: list[str]) -> None:
    for descriptor, file in zip((1, 2), files[:2], strict=True):
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, descriptor)
        os.close(handle)
    os.environ.update(environment)
    sys.argv = ["genkit", *words]
    code = 1
    try:
        from genkit.cli import main
        from tools.reliability import children

        if before:
            prepare: Callable[..., None] = getattr(children, before[0])
            prepare(*before[1:])
        code = main(words)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    Path(files[2]).write_text(str(code))
    os._exit(code)
