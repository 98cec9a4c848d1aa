"""`python -m tools.pace beside=CHECKOUT [rounds=15]`: whether a change of the code has made it slower.

The training step of the families, `genkit --help`, a refusal and `genkit train debug=fast`, by the
code here and by another checkout's, in turns on this machine: which of the two goes first changes from round
to round, so that what else the machine does meets both.  For each, the median of the rounds' ratios (here :
there; below 1 is faster here) and the interval that their order statistics give it at 95 %.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from math import comb
from pathlib import Path

STEPS = 300
COMMON = (
    *("trainer=cpu", "trainer.threads=1", f"trainer.val_every={STEPS}", "logger=none"),
    *("callbacks.progress=none", "callbacks.samples.n=0", f"budget.steps={STEPS}"),
)
STEPPED = {
    "gpt": ("model=gpt_tiny", "data=colors"),
    "dcgan": ("model=dcgan", "data=digits", "model.width=16", "model.select=null"),
    "vae": ("model=vae", "data=digits", "model.width=16"),
    "flow": ("model=flow", "data=digits", "model.width=16", "model.patch=2"),
}
ASKED = {
    "genkit --help": ("--help",),
    "a refusal": ("train", "model.n_layer=0"),
    "train debug=fast": ("train", "debug=fast", "model=vae", "data=digits", "name=fast"),
}


def main(arguments: list[str]) -> int:
    typed = dict(word.split("=", 1) for word in arguments)
    here, there = Path(__file__).parents[1], Path(typed["beside"]).resolve()
    rounds = int(typed.get("rounds", 15))
    taken: dict[str, dict[Path, list[float]]] = {
        name: {here: [], there: []} for name in (*(f"a step of {family}" for family in STEPPED), *ASKED)
    }
    for turn in range(rounds + 1):
        for name, times in taken.items():
            for checkout in (here, there) if turn % 2 else (there, here):
                seconds = _step(checkout, name) if name not in ASKED else _asked(checkout, ASKED[name])
                if turn:  # the first round warms the disk
                    times[checkout].append(seconds)
    for name, times in taken.items():
        ratios = sorted(a / b for a, b in zip(times[here], times[there], strict=True))
        low, high = _interval(ratios)
        millis = 1e3 * statistics.median(times[here])
        print(f"{name:<20} {millis:8.2f} ms  ratio {statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}]")
    return 0


def _interval(ordered: list[float]) -> tuple[float, float]:
    """Of the median, from the binomial distribution of how many lie below it; all that there are, if few."""
    n = len(ordered)
    rank, tail = 0, 2 * comb(n, 0) / 2**n
    while tail + 2 * comb(n, rank + 1) / 2**n <= 0.05:
        rank += 1
        tail += 2 * comb(n, rank) / 2**n
    return ordered[rank], ordered[n - 1 - rank]


def _step(checkout: Path, name: str) -> float:
    """Seconds of one training step, as the run itself counts those of all."""
    words = STEPPED[name.removeprefix("a step of ")]
    with tempfile.TemporaryDirectory() as folder:
        _run(checkout, folder, ("train", *words, *COMMON, "name=run"))
        record = json.loads((Path(folder) / "runs" / "run" / "run.json").read_text("utf-8"))
    return float(record["seconds"]) / STEPS


def _asked(checkout: Path, words: tuple[str, ...]) -> float:
    """Seconds of a whole command."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        _run(checkout, folder, words)
        return time.perf_counter() - begun


def _run(checkout: Path, folder: str, words: tuple[str, ...]) -> None:
    cache = Path(tempfile.gettempdir()) / f"genkit-pace-{checkout.name}"  # packed once
    places = {"GENKIT_RUNS_DIR": f"{folder}/runs", "GENKIT_CACHE_DIR": str(cache)}
    environment = {**os.environ, **places, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "genkit", *words]
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if ended.returncode and "n_layer=0" not in ended.stderr:
        raise SystemExit(f"{checkout}: genkit {' '.join(words)}: {ended.stderr[-900:]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
