"""Seconds of a training step of nanoGPT's recipe for CPUs, of genkit and of nanoGPT's own script.

    python experiments/benchmarks/nanogpt_step.py peer.nanogpt=DIR data_dir=DIR [rounds=3] [steps=100]
        [threads=2] [out=FILE.json]

Each trains in a process of its own as its README runs it: 4 layers, width 128, 12 windows of 64 characters,
AdamW, the gradient clipped, no compilation.  nanoGPT prints the time of each step; genkit's are taken between
the ends of its steps.  Both have the drawing of batches in them, and no evaluation.  `peer.nanogpt` is a
checkout whose data/shakespeare_char is prepared, `data_dir` holds tinyshakespeare.txt.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from alternating import compare, environment
from time_to_quality import NANOGPT, prepared
from training_step import training_step

WARM_UP = 10


def of_genkit(data_dir: str, steps: int, threads: int, clock: str) -> float:
    words = ["experiment=shakespeare_cpu", f"paths.data_dir={data_dir}"]
    step = training_step(words, steps, threads, clock, WARM_UP)
    print(f"  {step.flops / 1e9:.1f} GFLOP, {step.utilisation:.0%} of {step.ceiling / 1e9:.0f} GFLOP/s")
    return step.seconds


def of_nanogpt(folder: Path, steps: int, threads: int) -> float:
    wanted = f"--max_iters={WARM_UP + steps} --log_interval=1 --eval_iters=1 --eval_interval=100000"
    kept = [word for word in NANOGPT.split() if word.split("=")[0] not in wanted]
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, *kept, *wanted.split(), f"--out_dir={out}"]
        done = subprocess.run(
            command, cwd=folder, env=environment(threads), capture_output=True, text=True, check=True
        )
    times = [float(ms) / 1e3 for ms in re.findall(r"^iter \d+: .* time ([\d.]+)ms", done.stdout, re.M)]
    return statistics.median(times[WARM_UP:])


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    threads, steps = int(given.get("threads", 2)), int(given.get("steps", 100))
    contestants = {"genkit": partial(of_genkit, given["data_dir"], steps, threads, "wall")}
    if peer := given.get("peer.nanogpt"):
        contestants["nanoGPT"] = partial(of_nanogpt, prepared(peer), steps, threads)
    rounds = int(given.get("rounds", 3))
    compare(contestants, rounds, "s a step", given.get("out"), threads=threads, steps=steps)


if __name__ == "__main__":
    main(sys.argv[1:])
