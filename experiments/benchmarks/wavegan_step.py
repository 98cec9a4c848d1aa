"""Seconds of a WaveGAN's training step, of genkit and of a bare loop over the same networks, in turns, each
in a process of its own; and of that loop with torch's own convolutions in the place of their polyphase form.

    python experiments/benchmarks/wavegan_step.py [width=16] [rounds=3] [steps=20] [threads=2]
        [clock=wall|cpu] [other=none] [out=FILE.json]

Plucked strings of 4,096 samples, batch 64: hinge loss, R1, phase shuffle, Adam, as `model=wavegan` has them.
The bare loop has the data in memory as floats, draws by torch's own generator, keeps no average, looks at no
number, and knows neither runs nor validations.  `other=none` leaves the third contestant out.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from alternating import compare, environment
from training_step import CLOCKS, training_step

WARM_UP = 3
BARE = """
import statistics, sys, time
import torch
from genkit.nn import polyphase
from genkit.nn.convolutions import Discriminator, Generator, growth
from genkit.nn.phase_shuffle import shifts

now, width, steps = getattr(time, sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
if sys.argv[4] == "plain":
    polyphase._faster = lambda x: False
torch.set_flush_denormal(True)
way, knobs = growth((4096,)), {"norm": "none", "bias": True, "initial": "he"}
generator = Generator(100, 1, way, width, **knobs)
discriminator = Discriminator(1, way, width, **knobs)
first, second = (torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.9)) for n in (discriminator, generator))
data = torch.rand(1024, 1, 4096) * 2 - 1

def judged(x):
    return discriminator(x, None, shifts(torch.rand(len(discriminator.joints)), 2))

times = [now()]
for _ in range(WARM_UP + steps):
    real, fake = data[torch.randint(1024, (64,))], generator(torch.randn(64, 100))
    loss = (1 - judged(real)).relu().mean() + (1 + judged(fake.detach())).relu().mean()
    seen = real.clone().requires_grad_()
    slope = torch.autograd.grad(discriminator(seen).sum(), seen, create_graph=True)[0]
    loss = loss + 0.5 * slope.flatten(1).square().sum(1).mean()
    first.zero_grad()
    loss.backward()
    first.step()
    discriminator.requires_grad_(False)
    second.zero_grad()
    (-judged(fake).mean()).backward()
    second.step()
    discriminator.requires_grad_(True)
    times.append(now())
print("found", statistics.median(b - a for a, b in zip(times[WARM_UP:], times[WARM_UP + 1:])))
"""


def of_genkit(width: int, steps: int, threads: int, clock: str) -> float:
    words = ["model=wavegan", f"model.width={width}", "data=plucks", "data.view=waveform", "batch_size=64"]
    return training_step(words, steps, threads, clock, WARM_UP).seconds


def of_a_bare_loop(width: int, steps: int, threads: int, clock: str, layers: str) -> float:
    given = [CLOCKS[clock], str(width), str(steps), layers]
    command = [sys.executable, "-c", BARE.replace("WARM_UP", str(WARM_UP)), *given]
    done = subprocess.run(command, env=environment(threads), capture_output=True, text=True, check=True)
    return float(next(line for line in done.stdout.splitlines() if line.startswith("found ")).split()[1])


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    width, steps, threads = (int(given.get(k, v)) for k, v in (("width", 16), ("steps", 20), ("threads", 2)))
    clock = given.get("clock", "wall")
    contestants = {
        "genkit": partial(of_genkit, width, steps, threads, clock),
        "a bare loop": partial(of_a_bare_loop, width, steps, threads, clock, "polyphase"),
        "with torch's layers": partial(of_a_bare_loop, width, steps, threads, clock, "plain"),
    }
    if given.get("other") == "none":
        del contestants["with torch's layers"]
    about = {"width": width, "threads": threads, "steps": steps}
    compare(contestants, int(given.get("rounds", 3)), f"s a step ({clock})", given.get("out"), **about)


if __name__ == "__main__":
    main(sys.argv[1:])
