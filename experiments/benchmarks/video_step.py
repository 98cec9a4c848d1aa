"""Seconds of a training step on moving pictures, of genkit and of a bare loop over the same networks, in
turns, each in a process of its own; and of that loop with the numbers in torch's default memory format.

    python experiments/benchmarks/video_step.py [family=dcgan|dcgan_frames|vae] [width=16] [rounds=3]
        [steps=20] [threads=2] [clock=wall|cpu] [other=none] [out=FILE.json]

Digits that move on 16×16 for 8 frames, batch 64: a DCGAN, the same with a discriminator of frames, or a VAE
with Bernoulli's likelihood; Adam.  The bare loop has its clips in memory as floats, draws by torch's own
generator, keeps no average, looks at no number, and knows neither runs nor validations.  `other=none` leaves
the third contestant out.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from alternating import compare, environment
from training_step import CLOCKS, training_step

WARM_UP = 3
WORDS = {
    "dcgan": ("model=dcgan",),
    "dcgan_frames": ("model=dcgan", "model.frame_discriminator=true"),
    "vae": ("model=vae", "data.levels=2"),
}
BARE = """
import statistics, sys, time
import torch
import torch.nn.functional as F
from genkit.nn.autoencoder import PAIRS
from genkit.nn.convolutions import Discriminator, Generator, growth

now, family, width, steps = getattr(time, sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
of_clips, of_frames = torch.channels_last_3d, torch.channels_last
if sys.argv[5] == "contiguous":
    of_clips = of_frames = torch.contiguous_format
torch.set_flush_denormal(True)
data = (torch.rand(1024, 1, 8, 16, 16) < 0.1).float()

def adam(*networks):
    return torch.optim.Adam([p for n in networks for p in n.parameters()], 2e-4, (0.5, 0.999), fused=True)

def update(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

if family == "vae":
    pair = PAIRS["conv"]((1, 8, 16, 16), 1, 20, 400, width, 0)
    encoder, decoder = (network.to(memory_format=of_clips) for network in pair)
    both = adam(encoder, decoder)

    def step(real):
        mean, log_variance = encoder(real).chunk(2, 1)
        latent = mean + (0.5 * log_variance).exp() * torch.randn(mean.shape)
        nll = F.binary_cross_entropy_with_logits(decoder(latent), real, reduction="sum")
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        update(both, (nll + kl) / len(real))
else:
    way, flat = growth((8, 16, 16)), growth((16, 16))
    generator = Generator(100, 1, way, width).to(memory_format=of_clips)
    judges = [Discriminator(1, way, width).to(memory_format=of_clips)]
    if family == "dcgan_frames":
        judges.append(Discriminator(1, flat, width).to(memory_format=of_frames))
    theirs, own = [adam(judge) for judge in judges], adam(generator)

    def seen(clips):
        yield clips.contiguous(memory_format=of_clips)
        if len(judges) > 1:
            some = clips[torch.arange(64), :, torch.randint(8, (64,))]
            yield some.contiguous(memory_format=of_frames)

    def step(real):
        fake = generator(torch.randn(64, 100))
        parts = zip(judges, theirs, seen(real * 2 - 1), seen(fake.detach()))
        for judge, optimizer, true, false in parts:
            update(optimizer, F.softplus(-judge(true)).mean() + F.softplus(judge(false)).mean())
        for judge in judges:
            judge.requires_grad_(False)
        update(own, sum(F.softplus(-judge(x)).mean() for judge, x in zip(judges, seen(fake))))
        for judge in judges:
            judge.requires_grad_(True)

times = [now()]
for _ in range(WARM_UP + steps):
    step(data[torch.randint(1024, (64,))])
    times.append(now())
print("found", statistics.median(b - a for a, b in zip(times[WARM_UP:], times[WARM_UP + 1:])))
"""


def of_genkit(family: str, width: int, steps: int, threads: int, clock: str) -> float:
    words = [
        *WORDS[family],
        f"model.width={width}",
        "data=moving_digits",
        "batch_size=64",
        "model.select=null",
    ]
    return training_step(words, steps, threads, clock, WARM_UP).seconds


def of_a_bare_loop(family: str, width: int, steps: int, threads: int, clock: str, layout: str) -> float:
    given = [CLOCKS[clock], family, str(width), str(steps), layout]
    command = [sys.executable, "-c", BARE.replace("WARM_UP", str(WARM_UP)), *given]
    done = subprocess.run(command, env=environment(threads), capture_output=True, text=True, check=True)
    return float(next(line for line in done.stdout.splitlines() if line.startswith("found ")).split()[1])


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    width, steps, threads = (int(given.get(k, v)) for k, v in (("width", 16), ("steps", 20), ("threads", 2)))
    family, clock = given.get("family", "dcgan"), given.get("clock", "wall")
    own = (family, width, steps, threads, clock)
    contestants = {
        "genkit": partial(of_genkit, *own),
        "a bare loop": partial(of_a_bare_loop, *own, "channels last"),
        "in default format": partial(of_a_bare_loop, *own, "contiguous"),
    }
    if given.get("other") == "none":
        del contestants["in default format"]
    about = {"family": family, "width": width, "threads": threads, "steps": steps}
    compare(contestants, int(given.get("rounds", 3)), f"s a step ({clock})", given.get("out"), **about)


if __name__ == "__main__":
    main(sys.argv[1:])
