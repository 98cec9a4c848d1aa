"""How far the samples reach: the mean distance from a real example to the nearest sample, in raw numbers."""

import torch

from genkit.metrics.declaration import Metric


def reach(evidence):
    """The mean over all real examples, with the normal interval of a mean."""
    distances = torch.cdist(evidence.real.arrays, evidence.generated.arrays).min(1).values.double()
    value, half = float(distances.mean()), 1.96 * float(distances.std()) / len(distances) ** 0.5
    return value, value - half, value + half


REACH = Metric(
    name="reach",
    unit="levels",
    direction="lower",
    needs=("arrays",),
    measure=reach,
    help="mean distance from a real example to the nearest sample",
    interval="normal, of real examples",
    depends_on_n=True,
    least=0.0,
)
