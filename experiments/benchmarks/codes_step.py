"""Seconds of a codec's training step, of genkit and of a bare loop over the same networks, in turns, each in
a process of its own.

    python experiments/benchmarks/codes_step.py [quantiser=fsq|vq] [width=32] [rounds=3] [steps=20]
        [threads=2] [clock=wall|cpu] [out=FILE.json]

Pictures of 28×28 grey pixels, batch 64, to 7×7 codes; -log p(x | codes) by discretised logistics, Adam, an
average of the weights, the uses of the codes counted.  The bare loop does the same arithmetic with its
pictures in memory as bytes: it looks at no number, and knows neither runs nor validations.
"""

from __future__ import annotations

import sys

from bare_loop import main

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


if __name__ == "__main__":
    main(sys.argv[1:], BARE, ["model=codes", "model.stride=4"], "quantiser", "fsq")
