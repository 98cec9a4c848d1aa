"""What a small training step takes, by two checkouts and by a bare loop, in turns of some steps each.

    python experiments/benchmarks/small_step.py [beside=CHECKOUT] [rounds=15] [steps=40] [only=vae,gpt]

Each contestant is a process that stands still while another one's turn is; times are the processor's of one
thread, and a ratio is that of two turns of one round.  The bare loop is that of `gpu_peers.py`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[2]
WORK = {
    "vae": ("model=vae_mlp", "batch_size=128"),
    "gpt": ("model=gpt_tiny", "data=colors", "batch_size=16"),
    "flow": ("model=flow", "model.width=16", "batch_size=32"),
    "dcgan": ("model=dcgan", "model.width=16", "model.select=null", "batch_size=32"),
}
BARE = ("vae",)
TURNS = """
import json, sys, time
def turn(seconds):  # says what a turn took, and waits for the next
    print(json.dumps(seconds), flush=True)
    if not sys.stdin.readline():
        raise SystemExit
"""
GENKIT = """
import os, tempfile
import numpy as np
from pytorch_lightning.callbacks import Callback
import genkit

STEPS, words = int(sys.argv[1]), sys.argv[2:]

class Turns(Callback):
    steps, since = 0, 0.0
    def on_train_batch_start(self, *rest):
        if self.steps % STEPS == 0:
            turn(time.process_time() - self.since)
            self.since = time.process_time()
        self.steps += 1

with tempfile.TemporaryDirectory() as folder:
    if not any(word.startswith("data=") for word in words):
        side = 32 if "model=dcgan" in words else 28
        pictures = np.random.default_rng(0).integers(0, 256, (4096, side, side), dtype=np.uint8)
        np.save(f"{folder}/pictures.npy", pictures)
        words += ["data=arrays", f"data.path={folder}/pictures.npy"]
    quiet = ["trainer=cpu", "trainer.threads=1", "trainer.val_every=1_000_000", "callbacks.progress=none"]
    sys.stdout, out = sys.stderr, sys.stdout
    print = lambda *said, **more: __builtins__.print(*said, **{**more, "file": out})
    words += [*quiet, "budget.steps=1_000_000", f"paths.runs_dir={folder}/runs"]
    genkit.train(words, callbacks=[Turns()])
"""
PEER = """
import numpy as np
import torch
sys.path.insert(0, sys.argv[2])
import gpu_peers

torch.set_num_threads(1)
pictures = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4096, 1, 28, 28), dtype=np.uint8))
step, since = gpu_peers.vae(pictures, 128, "cpu"), 0.0
while True:
    turn(time.process_time() - since)
    since = time.process_time()
    for _ in range(int(sys.argv[1])):
        step()
"""


class Contestant:
    """A process that makes some steps whenever it is asked."""

    def __init__(self, checkout: Path, program: str, steps: int, *words: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
        self.steps = steps
        self.process = subprocess.Popen(
            [sys.executable, "-c", TURNS + program, str(steps), *words],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._read()

    def _read(self) -> float:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                return float(json.loads(line))
            except ValueError:
                continue
        raise RuntimeError(f"it ended with {self.process.wait()}")

    def turn(self) -> float:
        """Milliseconds of a step."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return 1e3 * self._read() / self.steps


def compared(name: str, beside: Path | None, rounds: int, steps: int) -> None:
    made = {"genkit": Contestant(HERE, GENKIT, steps, *WORK[name])}
    if beside is not None:
        made["beside"] = Contestant(beside, GENKIT, steps, *WORK[name])
    if name in BARE:
        made["bare loop"] = Contestant(HERE, PEER, steps, str(Path(__file__).parent))
    times: dict[str, list[float]] = {who: [] for who in made}
    try:
        for turn in range(rounds + 1):
            for who in list(made)[:: 1 if turn % 2 else -1]:
                taken = made[who].turn()
                if turn:  # the first warms up
                    times[who].append(taken)
    finally:
        for contestant in made.values():
            contestant.process.kill()
    for who, own in times.items():
        ratios = sorted(a / b for a, b in zip(own, times["genkit"], strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        millis, ratio = statistics.median(own), statistics.median(ratios)
        spread = f"half of the rounds from {low:.3f} to {high:.3f}"
        print(f"{name:<6} {who:<10} {millis:7.3f} ms  {ratio:.3f} times genkit's ({spread})", flush=True)


def main() -> None:
    typed = dict(word.split("=", 1) for word in sys.argv[1:])
    beside = Path(typed["beside"]).resolve() if "beside" in typed else None
    for name in typed.get("only", ",".join(WORK)).split(","):
        compared(name, beside, int(typed.get("rounds", 15)), int(typed.get("steps", 40)))


if __name__ == "__main__":
    main()
