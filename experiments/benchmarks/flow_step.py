"""Seconds of a flow's training step, of genkit and of a bare loop over the same network, in turns, each in a
process of its own.

    python experiments/benchmarks/flow_step.py [network=unet|transformer] [width=32] [rounds=3] [steps=20]
        [threads=2] [clock=wall|cpu] [out=FILE.json]

Pictures of 28×28 grey pixels, batch 64, in blocks of 2×2, without labels; Adam, clipped at a norm of 1, with
an average of the weights.  The bare loop does the same arithmetic with its pictures in memory as bytes: it
draws by torch's own generator, looks at no number, and knows neither runs nor validations.
"""

from __future__ import annotations

import sys

from bare_loop import main

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


if __name__ == "__main__":
    main(sys.argv[1:], BARE, ["model=flow", "model.patch=2"], "network", "unet")
