"""Seconds of a codec's training step, of genkit and of a bare loop over the same networks, in turns, each in
a process of its own.

    python experiments/benchmarks/codes_step.py [quantiser=fsq|vq] [width=32] [rounds=3] [steps=20]
        [threads=2] [clock=wall|cpu] [out=FILE.json]

Pictures of 28×28 grey pixels, batch 64, to 7×7 codes; -log p(x | codes) by discretised logistics, Adam, an
average of the weights, the uses of the codes counted.  The bare loop does the same arithmetic with its
pictures in memory as bytes: it looks at no number, and knows neither runs nor validations.
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
from genkit.nn.grids import grid_pair
from genkit.nn.likelihoods import LIKELIHOODS
from genkit.nn.quantisers import Codebook, CodeUse, FiniteScalars

now, quantiser, width, steps = getattr(time, sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_flush_denormal(True)
rounding = FiniteScalars((8, 5, 5, 5)) if quantiser == "fsq" else Codebook(512, 32)
likelihood, use = LIKELIHOODS["discretised_logistic"](256), CodeUse(rounding.codes)
encoder, decoder = grid_pair(1, likelihood.outputs, (4, 4), rounding.width, width, 2)
parameters = [*encoder.parameters(), *decoder.parameters()]
average = [p.detach().clone() for p in parameters]
adam = torch.optim.Adam(parameters, 1e-3, fused=True)
data = torch.randint(0, 256, (EXAMPLES, 1, 28, 28), dtype=torch.uint8)

def step():
    x = data[torch.randint(EXAMPLES, (64,))].float() / 255
    vectors = encoder(x * 2 - 1).movedim(1, -1).flatten(0, -2)
    found = rounding(vectors)
    output = decoder(found.vectors.view(64, 7, 7, -1).movedim(-1, 1))
    loss = likelihood.nll(output, x).mean() / 784 + 0.25 * found.commitment.mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    use.add(torch.bincount(found.codes, minlength=rounding.codes))
    if quantiser == "vq":
        begins = torch.randint(len(vectors), (rounding.codes,))
        rounding.follow(rounding.statistics(vectors.detach(), found.codes, begins))
    torch._foreach_lerp_(average, [p.detach() for p in parameters], 0.01)

times = [now()]
for _ in range(WARM_UP + steps):
    step()
    times.append(now())
print("found", statistics.median(b - a for a, b in zip(times[WARM_UP:], times[WARM_UP + 1:])))
"""


def of_genkit(quantiser: str, width: int, steps: int, threads: int, clock: str) -> float:
    pictures = np.random.default_rng(0).integers(0, 256, (EXAMPLES, 28, 28, 1), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "noise.npy", pictures)
        data = ["data=arrays", f"data.path={folder}/noise.npy"]
        model = ["model=codes", f"model.quantiser={quantiser}", f"model.width={width}", "model.stride=4"]
        return training_step([*model, *data, "batch_size=64"], steps, threads, clock, WARM_UP).seconds


def of_a_bare_loop(quantiser: str, width: int, steps: int, threads: int, clock: str) -> float:
    script = BARE.replace("WARM_UP", str(WARM_UP)).replace("EXAMPLES", str(EXAMPLES))
    command = [sys.executable, "-c", script, CLOCKS[clock], quantiser, str(width), str(steps)]
    done = subprocess.run(command, env=environment(threads), capture_output=True, text=True, check=True)
    return float(next(line for line in done.stdout.splitlines() if line.startswith("found ")).split()[1])


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    width, steps, threads = (int(given.get(k, v)) for k, v in (("width", 32), ("steps", 20), ("threads", 2)))
    own = (given.get("quantiser", "fsq"), width, steps, threads, given.get("clock", "wall"))
    contestants = {"genkit": partial(of_genkit, *own), "a bare loop": partial(of_a_bare_loop, *own)}
    about = {"quantiser": own[0], "width": width, "threads": threads, "steps": steps}
    compare(contestants, int(given.get("rounds", 3)), f"s a step ({own[4]})", given.get("out"), **about)


if __name__ == "__main__":
    main(sys.argv[1:])
