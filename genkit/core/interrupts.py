"""Signals that end a training: raised where nothing has to be saved, remembered or passed on where it has.

SIGINT and SIGTERM; in a job of SLURM also SIGUSR1, by which it says that the time is nearly spent
(`#SBATCH --signal=USR1@120`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType, TracebackType
from typing import Any, NoReturn

Handler = Callable[[int, FrameType | None], Any]


class Interrupted(BaseException):
    """A signal arrived; what was trained is saved.  `exit_code` is the shell's for that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number, self.exit_code = number, 128 + number


def watched() -> tuple[int, ...]:
    """The signals that end a training here."""
    slurm = (signal.SIGUSR1,) if "SLURM_JOB_ID" in os.environ and hasattr(signal, "SIGUSR1") else ()
    return signal.SIGINT, signal.SIGTERM, *slurm


def _set(handler: Handler) -> dict[int, Any]:
    """Set a handler for all of them and return those before; in other threads signals are somebody else's."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number in watched()}


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted(number)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Within the context a signal is an `Interrupted` where the program stands."""
    before = _set(_raise)
    try:
        yield
    finally:
        _restore(before)


@contextlib.contextmanager
def forwarded(processes: Sequence[subprocess.Popen[bytes]]) -> Iterator[list[int]]:
    """Within the context a signal is passed on to processes, which save by themselves; yields those seen."""
    received: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    before = _set(forward)
    try:
        yield received
    finally:
        _restore(before)


class Remembered:
    """Within this context a signal is remembered in `number`, for whoever can save first.

    Raises:
        Interrupted: at the end of the context, when nobody acted on the signal.
    """

    number: int | None = None

    def __enter__(self) -> Remembered:
        self._before = _set(self._remember)
        return self

    def take_over(self) -> None:
        """Handle them alone, whatever handlers another library has put around these in the meantime."""
        _set(self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.number = number

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _restore(self._before)
        if error is None and self.number is not None:
            raise Interrupted(self.number)
