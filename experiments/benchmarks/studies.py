"""What a study costs beside its members, and how long a report of many runs takes.

    python experiments/benchmarks/studies.py study=NAME [out=FILE.json] [words of `genkit study`]
    python experiments/benchmarks/studies.py report=200 [out=FILE.json]

The first runs the study from nothing, its members one after another, in a folder that is deleted afterwards:
its overhead is the whole command's wall time (start, planning, table and report) less that of the members'
processes.  The second writes that many run folders, in ten arms with twelve metrics each, and times the
report in this process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the folders that the tests of the report write

from genkit.report import report
from tests.unit.report.report_runs import row, write_run, write_study

ARMS = 10
METRICS = (
    *("kid", "fid", "precision", "recall", "density", "coverage", "nll", "memorised_share"),
    *("training_seconds", "training_flops", "parameters", "samples_per_second"),
)


def overhead(name: str, words: list[str], folder: Path) -> dict[str, float]:
    """Seconds of a whole study, of its members, and the share of theirs that the study added."""
    command = [sys.executable, "-m", "genkit", "study", f"study={name}", f"paths.runs_dir={folder}", *words]
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    whole = time.perf_counter() - begun
    outcomes = [json.loads(path.read_text()) for path in folder.glob("*/outcomes/*.json")]
    members = sum(outcome["seconds"] for outcome in outcomes)
    return {"members": len(outcomes), "whole": whole, "of_members": members, "share": whole / members - 1}


def write_many(count: int, folder: Path) -> Path:
    """A study of `count` finished runs in ten arms."""
    rng, listed = np.random.default_rng(0), []
    for number in range(count):
        arm, seed = f"arm{number % ARMS}", number // ARMS
        rows = [row(metric, 1 + number % ARMS / 5 + 0.2 * rng.normal()) for metric in METRICS]
        rows += [row("kid", 0.1, role="floor"), row("kid", 9.0, role="ceiling")]
        write_run(folder / f"{arm}-{seed}", arm, seed, rows)
        listed.append((arm, seed, {"status": "finished"}))
    return write_study(folder, listed, primary="kid", question="Which?")


def building(count: int, folder: Path) -> dict[str, float]:
    """Seconds, of the wall and of the processor, for a report of `count` runs."""
    study = write_many(count, folder / "many")
    wall, cpu = time.perf_counter(), time.process_time()
    report(study, folder / "report")
    return {"runs": count, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def main(words: list[str]) -> None:
    given = dict(word.partition("=")[::2] for word in words)
    out, name, count = (given.pop(key, None) for key in ("out", "study", "report"))
    if (name is None) == (count is None):
        raise SystemExit("give study=NAME or report=NUMBER")
    with tempfile.TemporaryDirectory() as place:
        if name is not None:
            rest = [word for word in words if not word.startswith(("out=", "study="))]
            found = overhead(name, rest, Path(place))
        else:
            found = building(int(count or 0), Path(place))
    print(json.dumps(found))
    if out:
        Path(out).write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
