"""Seconds of a DCGAN's training step, of genkit and of pytorch/examples, each in a process of its own.

    python experiments/benchmarks/dcgan_step.py peer.examples=DIR data_dir=DIR [rounds=3] [steps=20]
        [threads=2] [clock=wall|cpu] [out=FILE.json]

MNIST at 64×64×1, batch 64, width 64, 100 latents: the example's defaults but for the data.  Timed is the
median step from the third on, as the example's own lines and genkit's own steps follow each other; loading
of data is in it, pictures and checkpoints are not.  `peer.examples` is a checkout of pytorch/examples and
`data_dir` holds MNIST/raw.  `clock=cpu` counts the time of the processors that a process had, for a machine
with other work; take threads=1 with it, because waiting threads spin.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

from alternating import compare, environment
from training_step import training_step

WARM_UP = 2


def of_genkit(data_dir: str, steps: int, threads: int, clock: str, used: list[float]) -> float:
    words = ["model=dcgan", "model.width=64", "data=mnist", "data.split=peer", "data.size=64"]
    words.append("batch_size=64")
    step = training_step([*words, f"paths.data_dir={data_dir}"], steps, threads, clock, WARM_UP)
    print(f"  {step.flops / 1e9:.0f} GFLOP, {step.utilisation:.0%} of {step.ceiling / 1e9:.0f} GFLOP/s")
    used.append(step.utilisation)
    return step.seconds


def processor_seconds(pid: int) -> float:
    """Of a process, user and system (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def of_the_example(folder: Path, data_dir: str, steps: int, threads: int, clock: str) -> float:
    script = (folder / "dcgan" / "main.py").absolute()
    options = ["--dataset", "mnist", "--dataroot", data_dir, "--niter", "1", "--manualSeed", "0"]
    options += ["--workers", "0"] if clock == "cpu" else []  # all of its time in one process
    times: list[float] = []
    with tempfile.TemporaryDirectory() as out, open(Path(out) / "said", "w+", encoding="utf-8") as said:
        command = [sys.executable, str(script), *options, "--outf", out]
        with subprocess.Popen(
            command, cwd=out, env=environment(threads), stdout=subprocess.PIPE, stderr=said, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if re.match(r"\[\d+/\d+\]\[\d+/\d+\] Loss_D", line):
                    cpu = clock == "cpu"
                    times.append(processor_seconds(process.pid) if cpu else time.perf_counter())
                if len(times) > steps + WARM_UP:
                    process.kill()  # its loader complains of that, which nobody needs to read
        if len(times) <= steps + WARM_UP:
            raise SystemExit(f"the example ended early:\n{Path(said.name).read_text(encoding='utf-8')}")
    later = times[WARM_UP:]
    return statistics.median(b - a for a, b in pairwise(later))


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    threads, steps = int(given.get("threads", 2)), int(given.get("steps", 20))
    data_dir, clock = given["data_dir"], given.get("clock", "wall")
    used: list[float] = []
    contestants = {"genkit": partial(of_genkit, data_dir, steps, threads, clock, used)}
    if peer := given.get("peer.examples"):
        contestants["pytorch/examples"] = partial(of_the_example, Path(peer), data_dir, steps, threads, clock)
    rounds = int(given.get("rounds", 3))
    about = {"threads": threads, "steps": steps, "utilisation": used}  # of the ceiling, in each round
    compare(contestants, rounds, f"s a step ({clock})", given.get("out"), **about)


if __name__ == "__main__":
    main(sys.argv[1:])
