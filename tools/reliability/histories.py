"""Recorded histories of files that several processes share: rows, records, metrics, outcomes and caches.

Four processes at once append, replace and read, and write down what they asked and were told; see `recorded`.
Of a process that is killed the last request may have taken effect or not, but whole.
"""

from __future__ import annotations

import collections
import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tools.reliability.children import wait_for
from tools.reliability.processes import server
from tools.reliability.recorded import Event, Log, events, linearizable
from tools.reliability.rows import Row, Trial

PROCESSES, TURNS, SEEDS = 4, 8, 12
TIMEOUT = 60.0  # seconds until a process counts as hanging
_seen: collections.Counter[str] = collections.Counter()


# ---------------------------------------------------------------------- in the processes


def _work(kind: str, folder: Path, seed: int, number: int) -> None:
    """One of the processes."""
    log, draw = Log(folder / f"log-{number}"), random.Random(f"{kind} {seed} {number}")
    turn = KINDS[kind][0](folder, log, draw, number)
    (folder / f"ready-{number}").touch()
    wait_for(str(folder / "go"))
    try:
        for _ in range(TURNS):
            turn()
            time.sleep(draw.uniform(0, 0.003))
        os._exit(0)
    except BaseException as error:
        (folder / f"failed-{number}").write_text(f"{type(error).__name__}: {error}"[:500])
    os._exit(1)


# ---------------------------------------------------------------------- kinds: turns, and what must hold


def _appending(folder: Path, log: Log, draw: random.Random, number: int) -> Callable[[], None]:
    from genkit.runs import rows

    file, count = folder / "run" / "evaluation.jsonl", iter(range(99))
    read = lambda: [row.value for row in rows.read(file)] if file.exists() else []  # noqa: E731

    def turn() -> None:
        if draw.random() < 0.5:
            value = number * 100 + next(count)
            made = [rows.Row(name, value, note="x" * 3000) for name in ("a", "b", "c")]
            log.ask("write", "", value, lambda: rows.write(file, made, append=True))
        else:
            log.ask("read", "", None, read)

    return turn


def _appended(folder: Path, seen: list[Event]) -> None:
    from genkit.runs import rows

    file = folder / "run" / "evaluation.jsonl"
    found = rows.read(file) if file.exists() else []
    order = [row.value for row in found[::3]]
    assert [row.value for row in found] == [value for value in order for _ in range(3)], "rows are mixed"
    assert all(len(row.note) == 3000 for row in found), "a row is cut"
    assert len(set(order)) == len(order), "a row is there twice"
    place = {value: i + 1 for i, value in enumerate(order)}
    asked = {event.told: event for event in seen if event.what == "write"}
    for value, event in asked.items():
        assert value in place or event.end is None, f"the acknowledged row {value} is lost"
    reads = []
    for event in (e for e in seen if e.what == "read" and e.end is not None):
        assert event.told == [value for value in order for _ in range(3)][: len(event.told)], "no beginning"
        assert len(event.told) % 3 == 0, "half of what was appended"
        reads.append((len(event.told) // 3, event))
    linearizable({place[value]: event for value, event in asked.items() if value in place}, reads)


def _recording(folder: Path, log: Log, draw: random.Random, number: int) -> Callable[[], None]:
    """run.json, which whoever holds the run's lock replaces."""
    from genkit.runs import Run
    from genkit.system.errors import Locked

    def add() -> None:
        run = Run(folder / "run")
        try:
            lock = run.lock()
        except Locked:
            return
        with lock:
            version = (run.record().step or 0) + 1
            log.ask("write", "", version, lambda: run.update(step=version, name="x" * version * 500))

    def read() -> list[int]:
        record = Run(folder / "run").record()
        return [record.step or 0, len(record.name)]

    return lambda: add() if draw.random() < 0.5 else log.ask("read", "", None, read)


def _recorded(folder: Path, seen: list[Event]) -> None:
    from genkit.runs import Run

    record = Run(folder / "run").record()
    assert len(record.name) == 500 * (record.step or 0)
    writes: dict[int, Event] = {}
    for event in sorted((e for e in seen if e.what == "write"), key=lambda e: e.start):
        # A version is written twice only where the first who tried was killed before anybody saw it.
        assert event.told not in writes or writes[event.told].end is None, f"version {event.told} twice"
        writes[event.told] = event
    _check_versions(record.step or 0, writes, [e for e in seen if e.what == "read"])


def _check_versions(last: int, writes: dict[int, Event], reads: Iterable[Event]) -> None:
    """Versions 1, 2, …, whose content is 500 letters a version."""
    acknowledged = max((version for version, event in writes.items() if event.end is not None), default=0)
    assert last >= acknowledged, f"version {acknowledged} was acknowledged, {last} is there"
    answered = [event for event in reads if event.end is not None]
    assert all(size == 500 * version for version, size in (e.told for e in answered)), "a version is mixed"
    linearizable({v: e for v, e in writes.items() if v <= last}, [(e.told[0], e) for e in answered])


def _logging(folder: Path, log: Log, draw: random.Random, number: int) -> Callable[[], None]:
    """metrics.csv, of one writer; the others read it as a report does."""
    from genkit.report import sources
    from genkit.training.history import CSVHistory

    file, steps = folder / "run" / "metrics.csv", iter(range(1, 99))
    made = CSVHistory(file)

    def write() -> None:
        step = next(steps)
        terms = {f"val/{i:03d}": 0.654321 + step for i in range(150)}  # a row that crosses pages of memory
        if step == 5:
            terms["val/late"] = 7.0  # a new column, for which the file is written anew
        made.log_metrics(terms, step)
        log.ask("write", "", step, made.save)

    def read() -> list[list[float]]:
        curves = sources._curves(file) if file.exists() else {}
        (steps, first), (_, last) = (curves.get(name, ([], [])) for name in ("val/000", "val/149"))
        return [steps, first, last]

    return write if number == 0 else lambda: log.ask("read", "", None, read)


def _logged(folder: Path, seen: list[Event]) -> None:
    reads = []
    for event in (e for e in seen if e.what == "read" and e.end is not None):
        steps, first, last = event.told
        assert steps == list(range(1, len(steps) + 1)), f"steps {steps}"
        for numbers in (first, last):
            wanted = [step + 0.654321 for step in steps]
            assert numbers == pytest.approx(wanted, abs=1e-6), f"a row is cut: {numbers}, {wanted}"
        reads.append((len(steps), event))
    linearizable({event.told: event for event in seen if event.what == "write"}, reads)


def _ending(folder: Path, log: Log, draw: random.Random, number: int) -> Callable[[], None]:
    """Outcomes of a study's members, each of which writes its own."""
    from genkit.runs.studies import Outcome, read_outcome
    from genkit.study import folder as study

    (folder / "run" / "outcomes").mkdir(exist_ok=True)
    versions = iter(range(1, 99))

    def write() -> None:
        version = next(versions)
        ended = Outcome("failed", "x" * 500 * version, version)
        log.ask("write", str(number), version, lambda: study.write_outcome(folder / "run", number, ended))

    def read() -> None:
        other = draw.randrange(PROCESSES)

        def ask() -> list[int]:
            found = read_outcome(folder / "run", other)
            return [found.code, len(found.reason)]

        log.ask("read", str(other), None, ask)

    return lambda: write() if draw.random() < 0.4 else read()


def _ended(folder: Path, seen: list[Event]) -> None:
    from genkit.runs.studies import read_outcome

    for number in range(PROCESSES):
        own = [event for event in seen if event.of == str(number)]
        writes = {event.told: event for event in own if event.what == "write"}
        last = read_outcome(folder / "run", number).code
        _check_versions(last, writes, [event for event in own if event.what == "read"])


def _packing(folder: Path, log: Log, draw: random.Random, number: int) -> Callable[[], None]:
    """The packed cache: several datasets, which whoever comes first makes and all open."""
    import numpy as np

    from genkit.data.packing import open_array, packed

    keys = iter(range(TURNS))

    def turn() -> None:
        key = next(keys) // 2  # each twice

        def build(place: Path) -> dict[str, Any]:
            def fill() -> None:
                for i in range(8):
                    np.save(place / f"{i}.npy", np.full(5000, key * 10 + i))

            log.ask("write", str(key), 1, fill)
            return {"key": key}

        def read() -> list[Any]:
            made, about = packed(folder / "run", "tried", {"key": key}, build)
            return [about["key"], [np.unique(open_array(made / f"{i}.npy")).tolist() for i in range(8)]]

        log.ask("read", str(key), None, read)

    return turn


def _packed(folder: Path, seen: list[Event]) -> None:
    for key in range(TURNS // 2):
        own = [event for event in seen if event.of == str(key)]
        reads = [event for event in own if event.what == "read" and event.end is not None]
        wanted = [key, [[key * 10 + i] for i in range(8)]]
        assert all(event.told == wanted for event in reads), f"another dataset: {reads[0].told}"
        builds = sorted((event for event in own if event.what == "write"), key=lambda event: event.start)
        killed = [event for event in builds if event.end is None]
        # One who was killed after it had filled a folder, but before it had a name, is followed by another.
        assert len(builds) <= 1 + len(killed) + (folder / "killed").exists(), f"made {len(builds)} times"
        for one, other in itertools.pairwise(builds):
            assert one.end is None or one.end <= other.start, "two made it at once"
        for event in reads:
            assert any(b.end is not None and b.end <= event.end for b in builds), "read before it was made"
    left = [path.name for path in (folder / "run").iterdir() if path.name.endswith(".partial")]
    assert not left or (folder / "killed").exists(), f"left over: {left}"


def _measuring(folder: Path, log: Log, draw: random.Random, number: int) -> Callable[[], None]:
    """The cache of features, each file of which any of them may make, and replace."""
    import torch

    from genkit.evaluation.array_quality import cached
    from genkit.metrics.features import Features

    def turn() -> None:
        key = draw.randrange(3)

        def make() -> Features:
            log.ask("write", str(key), 1, lambda: time.sleep(0.002))
            return Features(torch.full((500, 8), float(key)), protocol={"extractor": f"{key}"})

        def read() -> list[Any]:
            found = cached(folder / "run" / f"{key}.safetensors", make)
            return [found.vectors.unique().tolist(), list(found.vectors.shape), found.protocol["extractor"]]

        log.ask("read", str(key), None, read)

    return turn


def _measured(folder: Path, seen: list[Event]) -> None:
    from genkit.evaluation.array_quality import cached

    def missing() -> Any:
        raise AssertionError("what was acknowledged is not in the cache")

    for key in range(3):
        own = [event for event in seen if event.of == str(key)]
        reads = [event for event in own if event.what == "read" and event.end is not None]
        wanted = [[float(key)], [500, 8], f"{key}"]
        assert all(event.told == wanted for event in reads), f"other features: {reads[0].told}"
        first = min((event.end for event in reads if event.end is not None), default=None)
        made = [event.start for event in own if event.what == "write"]
        assert first is None or all(start <= first or _was_asked(start, own, first) for start in made)
        if reads:
            assert cached(folder / "run" / f"{key}.safetensors", missing).vectors.unique().tolist() == [key]


def _was_asked(start: int, own: list[Event], first: int) -> bool:
    """Whether one who made features had asked before they were there."""
    asked = [e.start for e in own if e.what == "read" and e.start <= start]
    return bool(asked) and min(asked) <= first


Turns = Callable[[Path, Log, random.Random, int], Callable[[], None]]
KINDS: dict[str, tuple[Turns, Callable[[Path, list[Event]], None]]] = {
    "rows": (_appending, _appended),
    "record": (_recording, _recorded),
    "metrics": (_logging, _logged),
    "outcomes": (_ending, _ended),
    "packed data": (_packing, _packed),
    "features": (_measuring, _measured),
}


# ---------------------------------------------------------------------- trials


def recorded(kind: str, seed: int, *, kill: bool) -> Trial:
    """Four processes at once; where one is killed, it is in the middle of something."""

    def trial(folder: Path) -> None:
        (folder / "run").mkdir()
        draw = random.Random(f"{kind} {seed}")
        processes = [server().Process(target=_work, args=(kind, folder, seed, n)) for n in range(PROCESSES)]
        for process in processes:
            process.start()
        deadline = time.monotonic() + TIMEOUT
        while len(list(folder.glob("ready-*"))) < PROCESSES and time.monotonic() < deadline:
            time.sleep(0.005)
        (folder / "go").touch()
        if kill:
            time.sleep(draw.uniform(0, 0.04))
            (folder / "killed").touch()
            os.kill(processes[0].pid, signal.SIGKILL)
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                os.kill(process.pid, signal.SIGKILL)
                raise AssertionError("a process hangs")
        failed = [file.read_text() for file in folder.glob("failed-*")]
        assert not failed, failed[0]
        seen = list(events(folder))
        open_ones = sum(event.end is None for event in seen)
        assert open_ones == 0 or kill, "a request was never answered"
        _seen.update(events=len(seen), killed=kill, within=bool(open_ones))
        KINDS[kind][1](folder, seen)

    return trial


def _note() -> str:
    return f"{_seen['events']} requests, {_seen['killed']} with a kill, {_seen['within']} of them within one"


ROW = Row(
    "histories of shared files, four processes at once, a third with a kill -9: linearizable",
    {
        f"{kind} {seed}{' killed' if seed % 3 == 2 else ''}": recorded(kind, seed, kill=seed % 3 == 2)
        for kind in KINDS
        for seed in range(SEEDS)
    },
    share=11,
    note=_note,
)
