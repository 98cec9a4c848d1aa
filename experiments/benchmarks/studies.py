"""What a study costs beside its members, how long members take to start, and a report of many runs.

    python experiments/benchmarks/studies.py study=NAME [out=FILE.json] [words of `genkit study`]
    python experiments/benchmarks/studies.py starts=5 [out=FILE.json]
    python experiments/benchmarks/studies.py report=200 [out=FILE.json]

The first runs the study from nothing, its members one after another, in a folder that is deleted afterwards:
its overhead is the whole command's wall time (start, planning, table and report) less that of the members'
processes.  The second runs that many pairs of members which train two steps of a small autoencoder: one that
is forked from a process with its imports done, and one that begins by itself; what each takes beyond its
training is start, end and evaluation.  The third writes that many run folders, in ten arms with twelve
metrics each, and times the report in this process.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the folders that the tests of the report write

from genkit import config, runs
from genkit.report import report
from genkit.study import open_study, read_declaration, running
from genkit.study.running import MEMBER
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


SMALL = """
common: [data=digits, trainer=cpu, trainer.threads=1, batch_size=16, callbacks.samples.n=0, logger=csv]
arms: {a: [model=vae, model.width=8, model.hidden=16, model.latent_size=4]}
seeds: 0
budget: {steps: 2}
evaluate: {metrics: [cost], checkpoint: last}
"""


def starts(pairs: int, folder: Path) -> dict[str, object]:
    """Seconds of members beyond their training, forked and by themselves in turns, and their ratios.

    The first one that is forked waits for the imports of what it is forked from, and is left out.
    """
    (folder / "starts.yaml").write_text(SMALL.replace("seeds: 0", f"seeds: {2 * pairs + 1}"))
    paths = {**config.paths([]), "runs_dir": str(folder)}
    plan = open_study(read_declaration(str(folder / "starts.yaml")), paths)
    plan.write()
    found: dict[str, list[dict[str, float]]] = {"forked": [], "alone": []}
    how = {"folder": str(plan.folder), "paths": paths, "forked": True}
    for place, member in enumerate(plan.members):
        forked = place == 0 or place % 4 in (2, 3)  # of every second pair the forked one is the first
        begun = _processor(forked)
        running._job(member.number, program=MEMBER if forked else (MEMBER[0], "-u", *MEMBER[1:]), **how)
        whole, trained = plan.outcome(member).seconds or 0.0, runs.read(plan.path(member)).wall_seconds or 0.0
        taken = {"wall": whole - trained, "processor": _processor(forked) - begun - trained}
        if place:
            found["forked" if forked else "alone"].append(taken)
    running.FORKS.close()
    medians = {
        f"{kind} {unit}": statistics.median(one[unit] for one in members)
        for kind, members in found.items()
        for unit in ("wall", "processor")
    }
    ratios = [
        alone["processor"] / forked["processor"]
        for alone, forked in zip(found["alone"], found["forked"], strict=True)
    ]
    return {"pairs": pairs, **medians, "ratio": statistics.median(ratios), "of": [min(ratios), max(ratios)]}


def _processor(forked: bool) -> float:
    """Seconds of the processor that members have taken that have ended."""
    server = running.FORKS._server
    if not forked:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime
    if server is None:
        return 0.0
    said = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(said[13]) + int(said[14])) / os.sysconf("SC_CLK_TCK")  # cutime and cstime, see proc(5)


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
    out, name, count, pairs = (given.pop(key, None) for key in ("out", "study", "report", "starts"))
    if [name, count, pairs].count(None) != 2:
        raise SystemExit("give study=NAME, starts=NUMBER or report=NUMBER")
    found: Mapping[str, object]
    with tempfile.TemporaryDirectory() as place:
        if name is not None:
            rest = [word for word in words if not word.startswith(("out=", "study="))]
            found = overhead(name, rest, Path(place))
        elif pairs is not None:
            found = starts(int(pairs), Path(place))
        else:
            found = building(int(count or 0), Path(place))
    print(json.dumps(found))
    if out:
        Path(out).write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
