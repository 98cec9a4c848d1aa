"""Signals that end a training: raised where nothing has to be saved, remembered or passed on where it has.

SIGINT and SIGTERM; in a job of SLURM also SIGUSR1, by which it says that the time is nearly spent
(`#SBATCH --signal=USR1@120`).  Python runs a handler between two of its own instructions, so never while a
library waits for another process: `Deadline` ends such a wait.  What a training does then, a checkpoint and
an end that is written down, is in `genkit.training.checkpointing` (`Recorder`) and `genkit.training.launch`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from genkit.system.terminal import say

if TYPE_CHECKING:
    from genkit.system.forks import Started

Handler = Callable[[int, FrameType | None], Any]
# Seconds after a signal in which nothing has moved: before there is anything to save, and while training.
AT_ONCE, A_BATCH, A_CHECKPOINT = 10.0, 60.0, 600.0


class Interrupted(BaseException):
    """A signal arrived; what was trained is saved.  `exit_code` is the shell's for that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number, self.exit_code = number, 128 + number


def watched() -> tuple[int, ...]:
    """The signals that end a training here."""
    slurm = (signal.SIGUSR1,) if "SLURM_JOB_ID" in os.environ and hasattr(signal, "SIGUSR1") else ()
    return signal.SIGINT, signal.SIGTERM, *slurm


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _set(handler: Handler) -> dict[int, Any]:
    """Set a handler for all of them and return those before; in other threads signals are somebody else's."""
    if not _is_main():
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
def forwarded(processes: Sequence[Started]) -> Iterator[list[int]]:
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


def end_with_parent() -> None:
    """Ask this process to save and end when the one that started it is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


class Deadline:
    """Ends the process when a signal has arrived and then nothing has moved for so long, wherever it stands.

    Args:
        ending: called with the signal before the end, from another thread; what it raises is passed over.

    Attributes:
        seconds: how long.
    """

    def __init__(self, ending: Callable[[int], None] | None = None, seconds: float = AT_ONCE) -> None:
        self.seconds, self._ending = seconds, ending
        self._moved = time.monotonic()

    def moved(self) -> None:
        """Something was done that the end waits for."""
        self._moved = time.monotonic()

    def __enter__(self) -> Deadline:
        self._pipe: tuple[int, int] | None = None
        if not _is_main():
            return self
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)  # the system writes the signal's number, whatever Python does
        self._before = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, args=(self._pipe[0],), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._pipe is None:
            return
        signal.set_wakeup_fd(self._before)
        os.close(self._pipe[1])
        self._thread.join()
        os.close(self._pipe[0])

    def _watch(self, reader: int) -> None:
        number, since = None, 0.0
        while True:
            left = None if number is None else max(self._moved, since) + self.seconds - time.monotonic()
            if number is not None and left is not None and left <= 0:
                self._end(number)
            if not select.select([reader], [], [], left)[0]:
                continue
            seen = os.read(reader, 64)
            if not seen:  # the context has been left
                return
            if self._before >= 0:  # an event loop of a notebook
                with contextlib.suppress(OSError):
                    os.write(self._before, seen)
            arrived = [byte for byte in seen if byte in watched()]
            if arrived and number is None:
                number, since = arrived[0], time.monotonic()

    def _end(self, number: int) -> NoReturn:
        with contextlib.suppress(Exception):
            if self._ending is not None:
                self._ending(number)
            name = signal.Signals(number).name
            say(f"genkit: interrupted by {name} while it waited.", file=sys.stderr, flush=True)
        os._exit(128 + number)


class Remembered:
    """Within this context a signal is raised until `begin`; from then on it is remembered in `number`, for
    whoever can save first.  One that nobody acts on ends the process, see `Deadline`.

    Args:
        ending: as `Deadline` takes it.

    Raises:
        Interrupted: at the end of the context, when nobody acted on the signal.
    """

    number: int | None = None

    def __init__(self, ending: Callable[[int], None] | None = None) -> None:
        self._deadline, self._begun = Deadline(ending), False

    def __enter__(self) -> Remembered:
        self._before = _set(self._arrived)
        self._deadline.__enter__()
        return self

    def begin(self) -> None:
        """From now on there is something to save."""
        self._begun, self._deadline.seconds = True, A_BATCH

    def moved(self, *, saving: bool = False) -> None:
        """A batch has ended, or a checkpoint is going to be written."""
        self._deadline.seconds = A_CHECKPOINT if saving else A_BATCH
        self._deadline.moved()

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if not self._begun:
            raise Interrupted(number)
        self.number = number

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadline.__exit__()
        _restore(self._before)
        if error is None and self.number is not None:
            raise Interrupted(self.number)
