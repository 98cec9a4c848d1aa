"""Contestants in processes of their own, one after another, again and again: A B A B.

A machine that slows down slows all of them; what is reported is the ratio within each round: the median of
those, the smallest and the largest.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def environment(threads: int) -> dict[str, str]:
    """The environment of a contestant: so many threads, output line by line."""
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}


def compare(
    contestants: Mapping[str, Callable[[], float]], rounds: int, unit: str, out: str | None, **about: Any
) -> dict[str, Any]:
    """Let each measure itself `rounds` times, print and return the numbers.

    Args:
        contestants: by name; the first is the one that the others are compared with.
        out: a JSON file; numbers that it has are kept and added to, so rounds can be spread over a day.
    """
    kept = json.loads(Path(out).read_text(encoding="utf-8"))["runs"] if out and Path(out).is_file() else {}
    runs: dict[str, list[float]] = {name: kept.get(name, []) for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            runs[name].append(measure())
            print(f"{name:<18} {runs[name][-1]:9.4f} {unit}", flush=True)
    first = next(iter(contestants))
    medians = {name: statistics.median(values) for name, values in runs.items()}
    ratios = {name: [b / a for a, b in zip(runs[first], runs[name], strict=True)] for name in contestants}
    found = {
        "unit": unit,
        "runs": runs,
        "median": medians,
        "spread": {name: [min(values), max(values)] for name, values in runs.items()},
        "times_as_long": {name: statistics.median(values) for name, values in ratios.items()},
        "ratios": ratios,
        "about": {"torch": _version(), "machine": platform.machine(), "cores": os.cpu_count(), **about},
    }
    for name in list(contestants)[1:]:
        middle, low, high = (of(ratios[name]) for of in (statistics.median, min, max))
        print(f"{name} takes {middle:.2f} ({low:.2f} to {high:.2f}) times as long as {first}")
    if out:
        Path(out).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def _version() -> str:
    done = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True
    )
    return done.stdout.strip()
