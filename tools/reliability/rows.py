"""Trials, counted: a row of the table is a list of them, run side by side."""

from __future__ import annotations

import shutil
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

Trial = Callable[[Path], None]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: in words.
        trials: by name; each gets a folder of its own and raises an AssertionError if it fails.
        baseline: what a neighbour does of itself, `(passed, of, who)`; None where nobody compares.
        share: one of so many trials runs with the other tests; None: none does, for the clock decides them.
        note: what the trials did, said beside the count.
    """

    name: str
    trials: dict[str, Trial]
    baseline: Callable[[], list[tuple[int, int, str]]] | None = None
    share: int | None = 50
    note: Callable[[], str] | None = None


@dataclass
class Result:
    """What a row came to."""

    name: str
    passed: int
    trials: int
    seconds: float
    failures: dict[str, str] = field(default_factory=dict)
    neighbours: list[tuple[int, int, str]] = field(default_factory=list)
    note: str = ""


def run(row: Row, *, jobs: int = 2, every: int = 1, only: str = "") -> Result:
    """Run a row's trials, or one of every so many."""
    started = time.monotonic()
    chosen = [
        item for i, item in enumerate(row.trials.items()) if i % every == every // 2 and only in item[0]
    ]
    with ThreadPoolExecutor(jobs) as pool:
        failures = dict(f for f in pool.map(lambda item: _attempt(*item), chosen) if f is not None)
    seconds = time.monotonic() - started
    note = row.note() if row.note else ""
    return Result(row.name, len(chosen) - len(failures), len(chosen), seconds, failures, note=note)


def _attempt(name: str, trial: Trial) -> tuple[str, str] | None:
    folder = Path(tempfile.mkdtemp(prefix="genkit-trial-"))
    try:
        trial(folder)
        return None
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"[:1500]
        print(f"  failed: {name}: {why}", flush=True)  # at once: a row may take an hour
        return name, why
    finally:
        shutil.rmtree(folder, ignore_errors=True)
