"""What several processes asked of shared files and were told, with the times; whether all of it can be true.

What a process was told must have been true at one moment between its request and the answer, in an order that
is the same for all: then the history is linearizable.  A file is here a series of positions, 1, 2, …, in the
order in which they stand in the end: rows that were appended, versions that were replaced, steps that were
logged.  Of a process that was killed the last request may have taken effect or not.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Event:
    """One request and its answer.

    Attributes:
        what: write or read.
        of: which of several series, a study's members say.
        told: of a write what was written, of a read what was found.
        start, end: nanoseconds of the system's clock; an end of None: it was never answered.
    """

    what: str
    told: Any
    start: int
    end: int | None = None
    of: str = ""


def linearizable(writes: dict[int, Event], reads: Iterable[tuple[int, Event]]) -> None:
    """That every read could see the position that it saw, and the order is one for all.

    Args:
        writes: by the position that each took.
        reads: each with the last position that it saw; 0: none.

    Raises:
        AssertionError: naming the first two events that contradict one another.
    """
    placed = sorted(writes.items())
    for i, (position, event) in enumerate(placed):
        for later, other in placed[i + 1 :]:
            assert other.end is None or other.end >= event.start, f"{later} was done before {position} began"
    reads = sorted(reads, key=lambda read: read[1].start)
    for seen, read in reads:
        assert read.end is not None
        for position, write in placed:
            if position <= seen:
                assert write.start <= read.end, f"a read saw {position}, which was asked for later"
            elif write.end is not None:
                assert write.end >= read.start, f"a read saw {seen}, and {position} was there before it"
        for other, earlier in reads:
            if earlier.end is not None and earlier.end < read.start:
                assert other <= seen, f"a read saw {seen} after another had seen {other}"


class Log:
    """Where a process writes down what it asks, before, and what it is told, after."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def ask(self, what: str, of: str, told: Any, call: Callable[[], Any]) -> Any:
        """Do something; what it returns is what a read was told."""
        event = Event(what, told, time.monotonic_ns(), of=of)
        self._tell(event)
        found = call()
        end = time.monotonic_ns()
        self._tell(Event(what, found if what == "read" else told, event.start, end, of))
        return found

    def _tell(self, event: Event) -> None:
        os.write(self._file, (json.dumps(asdict(event)) + "\n").encode())


def events(folder: Path) -> Iterator[Event]:
    """What all processes wrote down: an answered request once."""
    for file in sorted(folder.glob("log-*")):
        found: dict[int, Event] = {}
        for line in file.read_text().splitlines():
            event = Event(**json.loads(line))
            found[event.start] = event
        yield from found.values()
