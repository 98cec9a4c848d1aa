"""How far work has come, for whoever waits: a bar on a terminal, lines in a log, nothing in a pipe.

All of it goes to standard error, so that what is data stays data, and what takes less than `DELAY` seconds
shows nothing.  Work within work stands below it, each with a bar of its own.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from genkit.system.terminal import console, say, without_controls

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

DELAY = 2.0  # seconds of work that show nothing
EVERY = 30.0  # seconds from one line of a log to the next
T = TypeVar("T")
Batch = TypeVar("Batch", bound=Sized)


class Waiting(Protocol):
    """What can still be called off."""

    def cancel(self) -> None: ...


def clock() -> float:
    """Seconds, from some time on."""
    return time.monotonic()


def later(seconds: float, call: Callable[[], None]) -> Waiting:
    """Call a function in so many seconds, unless it is called off."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show work of so many units; yields the function that is told of those that are done.

    Args:
        what: in a word or two, such as "packing pictures".
    """
    kind = _kind()
    if kind is None:
        yield lambda done: None
        return
    with kind(what, total) as shown:
        yield shown.advance


def followed(what: str, batches: Iterable[Batch], total: int) -> Iterator[Batch]:
    """Batches as they come; each counts as done when it has been used."""
    with progress(what, total) as advance:
        for batch in batches:
            yield batch
            advance(len(batch))


def followed_ranges(what: str, total: int, size: int) -> Iterator[range]:
    """The numbers below `total` in ranges of `size`; each counts as done when it has been used."""
    ranges = (range(start, min(start + size, total)) for start in range(0, total, size))
    return followed(what, ranges, total)


def each(what: str, items: Iterable[T], total: int) -> Iterator[T]:
    """Items one by one; each is done when it has been used."""
    with progress(what, total) as advance:
        for item in items:
            yield item
            advance(1)


def duration(seconds: float) -> str:
    """45 s, 12 min, 3 h 5 min: as exactly as an estimate is."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _kind() -> type[Bar | LogLines] | None:
    """What standard error takes; None: it is a pipe, or nothing that anybody reads."""
    if sys.stderr is None or sys.stderr.closed:
        return None
    return Bar if sys.stderr.isatty() else LogLines if is_log() else None


def is_log() -> bool:
    """Whether standard error is written into a file."""
    try:
        return stat.S_ISREG(os.fstat(sys.stderr.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):  # it is no file at all
        return False


class LogLines:
    """A line now and then, as a log keeps them; none of what ends before the first is due."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self._begun = self._said = clock()

    def __enter__(self) -> LogLines:
        return self

    def advance(self, done: int) -> None:
        self.done += done
        now = clock()
        if now - self._said >= EVERY:
            self._said = now
            self._say(now)

    def _say(self, now: float) -> None:
        spent, said = now - self._begun, f"{self.what}: {self.done:,} of {self.total:,}"
        if 0 < self.done < self.total:
            said += f", about {duration(spent / self.done * (self.total - self.done))} left"
        say(said, file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (
            error is None and self._said > self._begun
        ):  # (who has read that it goes on reads that it has ended)
            say(f"{self.what}: done after {duration(clock() - self._begun)}", file=sys.stderr, flush=True)


class Bar:
    """A bar that comes when the work has taken `DELAY` seconds, and goes with it."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self._task: TaskID | None = None
        self._over = False

    def __enter__(self) -> Bar:
        self._waiting = later(DELAY, self._show)
        return self

    def _show(self) -> None:
        with _SCREEN.lock:
            if not self._over:
                self._task = _SCREEN.add(self.what, self.total)
                _SCREEN.move(self._task, self.done)  # (what is done from now on moves it, too)

    def advance(self, done: int) -> None:
        self.done += done
        if self._task is not None:
            _SCREEN.move(self._task, self.done)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.cancel()
        with _SCREEN.lock:
            self._over = True
            if self._task is not None:
                _SCREEN.remove(self._task)
                self._task = None


class Screen:
    """The bars that stand on the terminal together; where the last one goes, the line is as it was."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._bars: Progress | None = None

    def add(self, what: str, total: int) -> TaskID:
        from rich.progress import (  # (commands that show nothing with it need not wait for it)
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        if self._bars is None:
            columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
            self._bars = Progress(*columns, TimeRemainingColumn(), console=console(), transient=True)
            self._bars.start()
        return self._bars.add_task(without_controls(what), total=total)

    def move(self, task: TaskID, done: int) -> None:
        if (bars := self._bars) is not None:
            bars.update(task, completed=done)

    def remove(self, task: TaskID) -> None:
        if self._bars is None:
            return
        self._bars.remove_task(task)
        if not self._bars.tasks:
            bars, self._bars = self._bars, None
            bars.stop()


_SCREEN = Screen()
