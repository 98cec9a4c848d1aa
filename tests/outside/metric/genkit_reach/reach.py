"""How far the samples reach: the mean distance from a real example to the nearest sample.

It shows what a metric is: what it needs, which way is better, and a function of the evidence.  Floor and
ceiling, `metrics=reach`, a study's `primary: reach` and its column in a report follow from these.
"""

import torch

from genkit.metrics.declaration import Interval, Metric
from genkit.metrics.evidence import Evidence


def reach(evidence: Evidence) -> Interval:
    """The mean over all real examples, with the normal interval of a mean; of numbers in [0, 1]."""
    distances = torch.cdist(evidence.real.arrays, evidence.generated.arrays).min(1).values.double()  # (n,)
    value, half = float(distances.mean()), 1.96 * float(distances.std()) / len(distances) ** 0.5
    return value, value - half, value + half


REACH = Metric(
    name="reach",
    unit="1",
    direction="lower",
    needs=("arrays",),
    measure=reach,
    help="mean distance from a real example to the nearest sample",
    interval="normal, of real examples",
    depends_on_n=True,
    least=0.0,
)
