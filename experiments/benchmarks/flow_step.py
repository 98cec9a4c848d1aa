"""Seconds of a flow's training step, of genkit and of a bare loop over the same network, in turns, each in a
process of its own.

    python experiments/benchmarks/flow_step.py [network=unet|transformer] [width=32] [rounds=3] [steps=20]
        [threads=2] [clock=wall|cpu] [out=FILE.json]

Pictures of 28×28 grey pixels, batch 64, in blocks of 2×2, without labels; Adam, clipped at a norm of 1, with
an average of the weights.  The bare loop does the same arithmetic with its pictures in memory as bytes: it
draws by torch's own generator, looks at no number, and knows neither runs nor validations.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from alternating import compare, environment
from training_step import CLOCKS, training_step

WARM_UP, EXAMPLES = 3, 4_096
BARE = """
import statistics, sys, time
import torch
from genkit.nn.array_transformer import ArrayTransformer
from genkit.nn.time_and_label import TimeWeights
from genkit.nn.unet import UNet

now, network, width, steps = getattr(time, sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_flush_denormal(True)
sizes = dict(width=width, blocks=1, heads=None, patch=2, dropout=0.0, classes=0)
shape = (1, (28, 28))
model = UNet(*shape, levels=None, **sizes) if network == "unet" else ArrayTransformer(*shape, **sizes)
weights = TimeWeights()
parameters = [*model.parameters(), *weights.parameters()]
average = [p.detach().clone() for p in parameters]
adam = torch.optim.Adam(parameters, 1e-3, fused=True)
data = torch.randint(0, 256, (EXAMPLES, 1, 28, 28), dtype=torch.uint8)

def step():
    levels = data[torch.randint(EXAMPLES, (64,))].float()
    x = (levels + torch.rand(levels.shape)) / 128 - 1
    start, at = torch.randn(x.shape), torch.rand(64)
    way, t = x - start, at.view(-1, 1, 1, 1)
    error = (model(start + t * way, at) - way).square().mean((1, 2, 3))
    expected = weights(at)
    loss = (error / expected.exp() + expected).mean()
    adam.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    adam.step()
    torch._foreach_lerp_(average, [p.detach() for p in parameters], 0.001)

times = [now()]
for _ in range(WARM_UP + steps):
    step()
    times.append(now())
print("found", statistics.median(b - a for a, b in zip(times[WARM_UP:], times[WARM_UP + 1:])))
"""


def of_genkit(network: str, width: int, steps: int, threads: int, clock: str) -> float:
    pictures = np.random.default_rng(0).integers(0, 256, (EXAMPLES, 28, 28, 1), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "noise.npy", pictures)
        data = ["data=arrays", f"data.path={folder}/noise.npy"]
        model = ["model=flow", f"model.network={network}", f"model.width={width}", "model.patch=2"]
        return training_step([*model, *data, "batch_size=64"], steps, threads, clock, WARM_UP).seconds


def of_a_bare_loop(network: str, width: int, steps: int, threads: int, clock: str) -> float:
    script = BARE.replace("WARM_UP", str(WARM_UP)).replace("EXAMPLES", str(EXAMPLES))
    command = [sys.executable, "-c", script, CLOCKS[clock], network, str(width), str(steps)]
    done = subprocess.run(command, env=environment(threads), capture_output=True, text=True, check=True)
    return float(next(line for line in done.stdout.splitlines() if line.startswith("found ")).split()[1])


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    width, steps, threads = (int(given.get(k, v)) for k, v in (("width", 32), ("steps", 20), ("threads", 2)))
    own = (given.get("network", "unet"), width, steps, threads, given.get("clock", "wall"))
    contestants = {"genkit": partial(of_genkit, *own), "a bare loop": partial(of_a_bare_loop, *own)}
    about = {"network": own[0], "width": width, "threads": threads, "steps": steps}
    compare(contestants, int(given.get("rounds", 3)), f"s a step ({own[4]})", given.get("out"), **about)


if __name__ == "__main__":
    main(sys.argv[1:])
