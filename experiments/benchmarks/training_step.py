"""What a training step of genkit takes, in a process of its own, and how much of the machine it uses."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from alternating import environment

CLOCKS = {"wall": "perf_counter", "cpu": "process_time"}
CHILD = """
import json, statistics, sys, time
import genkit, torch
from pytorch_lightning.callbacks import Callback
from genkit.evaluation.step_costs import counting

CLOCK, WARM_UP, STEPS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
now = getattr(time, CLOCK)

class Clock(Callback):
    times, counter = [], counting()
    def on_train_batch_start(self, *rest):
        if len(self.times) == WARM_UP + STEPS + 1:  # one more, which is counted and not timed
            self.counter.__enter__()
    def on_train_batch_end(self, *rest):
        if len(self.times) == WARM_UP + STEPS + 1:
            self.counter.__exit__(None, None, None)
        self.times.append(now())

words = [f"budget.steps={WARM_UP + STEPS + 2}", f"trainer.val_every={WARM_UP + STEPS + 2}", *sys.argv[4:]]
genkit.train(words, callbacks=[Clock()])
times = Clock.times[WARM_UP : WARM_UP + STEPS + 1]

def product():
    a, b = torch.randn(2, 2048, 2048)
    begin = now()
    for _ in range(5):
        a @ b
    return 5 * 2 * 2048**3 / (now() - begin)

print("found", json.dumps({
    "seconds": statistics.median(b - a for a, b in zip(times, times[1:])),
    "flops": Clock.counter.get_total_flops(),
    "ceiling": max(product() for _ in range(5)),
}))
"""


@dataclass(frozen=True)
class Step:
    """The median seconds of a step, its FLOPs, and the FLOP/s of a product of 2048×2048 in that process."""

    seconds: float
    flops: float
    ceiling: float

    @property
    def utilisation(self) -> float:
        return self.flops / self.seconds / self.ceiling


def training_step(words: list[str], steps: int, threads: int, clock: str, warm_up: int = 2) -> Step:
    """Of a training by these words; pictures and long validations are left out."""
    quiet = ["trainer=cpu", "trainer.val_batches=1", "callbacks.samples.n=0", "callbacks.progress=none"]
    with tempfile.TemporaryDirectory() as runs:
        given = [CLOCKS[clock], str(warm_up), str(steps), *words, *quiet, f"paths.runs_dir={runs}"]
        command = [sys.executable, "-c", CHILD, *given]
        done = subprocess.run(command, env=environment(threads), capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("found "))
    return Step(**json.loads(line.removeprefix("found ")))
