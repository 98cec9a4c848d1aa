"""One drawing at a time, whoever asks: a few others wait, and for whoever has gone nothing is drawn."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from genkit.core.stopping import stoppable
from genkit.system.errors import ConfigError, GenkitError
from genkit.system.terminal import in_one_line, say

MOST_WAITING = 16
LAST = 5  # seconds in which what is drawn ends between two steps
Event = Mapping[str, object]
Tell = Callable[[Event], None]


class Stopped(BaseException):
    """Nobody waits for what is drawn."""


class Busy(ConfigError):
    """Too many are waiting already."""


class Job:
    """A drawing that somebody waits for: what it tells are events, of which the last ends it.

    Args:
        work: draws, in a thread of its own, and is given what it tells its events to.
        seconds: that it may take.
    """

    def __init__(self, work: Callable[[Tell], None], seconds: float) -> None:
        self._work, self._seconds = work, seconds
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._gone = threading.Event()
        self._end = float("inf")

    def stop(self) -> None:
        """Draw no further."""
        self._gone.set()

    def end(self) -> None:
        """It is not drawn any more, and whoever waits is told so."""
        self.stop()
        self._tell(None)

    def run(self) -> None:
        """Draw, unless it was stopped before; in the thread that draws."""
        self._end = time.monotonic() + self._seconds
        try:
            self._check()
            self._tell({"event": "begun"})
            with stoppable(self._check):
                self._work(self._tell)
        except Stopped:
            pass
        except GenkitError as error:
            self._tell({"event": "error", "said": in_one_line(str(error))})
        except Exception as error:
            say(traceback.format_exc(), end="", file=sys.stderr)
            said = in_one_line(f"{type(error).__name__}: {error}")
            self._tell({"event": "error", "said": f"a fault of the program, {said}; the terminal has more."})
        finally:
            self._tell(None)

    def _check(self) -> None:
        """
        Raises:
            Stopped: nobody waits any more.
            ConfigError: it has taken too long.
        """
        if self._gone.is_set():
            raise Stopped
        if time.monotonic() > self._end:
            raise ConfigError(
                f"stopped after {self._seconds:g} s, so that others can draw; ask for less, let the command"
                " below draw it, or start genkit app with a larger seconds=."
            )

    def _tell(self, event: Event | None) -> None:
        if event is not None and event.get("event") != "error":
            self._check()
        try:
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
        except RuntimeError:  # the server has ended
            self._gone.set()

    async def events(
        self, *, gone: Callable[[], Awaitable[bool]], every: float = 0.25
    ) -> AsyncIterator[list[Event]]:
        """What it tells, as much at once as is there.

        Args:
            gone: an awaitable's maker: whether nobody waits any more; asked every so many seconds.
        """
        waiting: asyncio.Task[Event | None] | None = None
        try:
            while True:
                waiting = waiting or asyncio.ensure_future(self._events.get())
                await asyncio.wait([waiting], timeout=every)
                if not waiting.done():
                    if await gone():
                        return
                    continue
                found, waiting = [waiting.result()], None
                while not self._events.empty():
                    found.append(self._events.get_nowait())
                if told := [event for event in found if event is not None]:
                    yield told
                if found[-1] is None:
                    return
        finally:
            self.stop()
            if waiting is not None:
                waiting.cancel()


class DrawingQueue:
    """The jobs that wait, and the one thread that draws.

    One model does not draw two things at once: to draw swaps its weights for the averaged ones.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._jobs: queue.Queue[Job | None] = queue.Queue(MOST_WAITING)
        self._drawing: Job | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._draw, name="drawing", daemon=True)

    def __enter__(self) -> DrawingQueue:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
        self._jobs.put(None)
        self._thread.join(LAST)

    def close(self) -> None:
        """End what is drawn and what waits, and take nothing more."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while (waiting := self._jobs.get_nowait()) is not None:
                waiting.end()
        if (job := self._drawing) is not None:
            job.stop()

    def add(self, work: Callable[[Tell], None]) -> tuple[Job, int]:
        """A new job, and how many are before it.

        Raises:
            Busy: too many wait already, or the server ends.
        """
        if self._closed:
            raise Busy("genkit app is ending; nothing more is drawn.")
        job, before = Job(work, self._seconds), self._jobs.qsize() + (self._drawing is not None)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Busy(f"{MOST_WAITING} drawings are waiting already; try again in a while.") from None
        return job, before

    def _draw(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._drawing = job
            job.run()
            self._drawing = None
