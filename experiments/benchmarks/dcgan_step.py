"""Seconds of a DCGAN's training step, of genkit and of pytorch/examples, each in a process of its own.

    python experiments/benchmarks/dcgan_step.py peer.examples=DIR data_dir=DIR [rounds=3] [steps=20]
        [threads=2] [out=FILE.json]

MNIST at 64×64×1, batch 64, width 64, 100 latents: the example's defaults but for the data.  Timed is the
median step from the third on, as the example's own lines and genkit's own steps follow each other; loading
of data is in it, pictures and checkpoints are not.  `peer.examples` is a checkout of pytorch/examples and
`data_dir` holds MNIST/raw.
"""

from __future__ import annotations

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

WARM_UP = 2
CHILD = """
import statistics, sys, time
import genkit
from pytorch_lightning.callbacks import Callback
class Clock(Callback):
    times = []
    def on_train_batch_end(self, *rest):
        self.times.append(time.perf_counter())
genkit.train(sys.argv[1:], callbacks=[Clock()])
times = Clock.times
print("median", statistics.median(b - a for a, b in zip(times[%d:], times[%d + 1:])))
"""


def of_genkit(data_dir: str, steps: int, threads: int) -> float:
    with tempfile.TemporaryDirectory() as runs:
        words = [
            "model=dcgan",
            "data=mnist",
            "data.size=64",
            "model.width=64",
            "batch_size=64",
            "trainer=cpu",
        ]
        words += [f"budget.steps={steps + WARM_UP}", "trainer.val_batches=1", "callbacks.samples.n=0"]
        words += [
            "callbacks.progress=none",
            "logger=csv",
            f"paths.data_dir={data_dir}",
            f"paths.runs_dir={runs}",
        ]
        words += [f"trainer.val_every={steps + WARM_UP}"]
        child = [sys.executable, "-c", CHILD % (WARM_UP, WARM_UP), *words]
        done = subprocess.run(child, env=environment(threads), capture_output=True, text=True, check=True)
    return float(re.findall(r"median ([\d.e-]+)", done.stdout)[-1])


def of_the_example(folder: Path, data_dir: str, steps: int, threads: int) -> float:
    script = (folder / "dcgan" / "main.py").absolute()
    options = ["--dataset", "mnist", "--dataroot", data_dir, "--niter", "1", "--manualSeed", "0"]
    times: list[float] = []
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, str(script), *options, "--outf", out]
        with subprocess.Popen(
            command, cwd=out, env=environment(threads), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if re.match(r"\[\d+/\d+\]\[\d+/\d+\] Loss_D", line):
                    times.append(time.perf_counter())
                if len(times) > steps + WARM_UP:
                    process.kill()
    later = times[WARM_UP:]
    return statistics.median(b - a for a, b in pairwise(later))


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    threads, steps = int(given.get("threads", 2)), int(given.get("steps", 20))
    data_dir = given["data_dir"]
    contestants = {"genkit": partial(of_genkit, data_dir, steps, threads)}
    if peer := given.get("peer.examples"):
        contestants["pytorch/examples"] = partial(of_the_example, Path(peer), data_dir, steps, threads)
    rounds = int(given.get("rounds", 3))
    compare(contestants, rounds, "s a step", given.get("out"), threads=threads, steps=steps)


if __name__ == "__main__":
    main(sys.argv[1:])
