"""Whether samples are what they were asked to be, as an extractor sees them."""

from __future__ import annotations

import torch

from genkit.core.identity import named
from genkit.metrics.evidence import Evidence
from genkit.metrics.feature_intervals import EXPECTED
from genkit.metrics.measure import Measure
from genkit.metrics.value_intervals import share
from genkit.system.errors import Unmeasurable

KIND = "agreement"


def agreement(evidence: Evidence) -> Measure:
    """The share of samples in which the extractor sees the class that was asked for, of those for which one
    was.

    Raises:
        Unmeasurable: nothing was asked for, or the extractor does not know these classes.
    """
    features, classes = evidence.generated.features, evidence.classes
    name = named(KIND, features.protocol.get("extractor"))
    if features.probabilities is None or features.probabilities.shape[1] != len(classes):
        raise Unmeasurable(name, "needs an extractor whose classes are those of the data.")
    number = {own: i for i, own in enumerate(classes)}
    asked = torch.tensor([number.get(own, -1) for own in evidence.generated.asked], dtype=torch.int64)
    if not (known := asked >= 0).any():
        raise Unmeasurable(name, "needs samples that are asked to be of a class.")
    right = (features.probabilities.argmax(1) == asked)[known]
    value, low, high = share(int(right.sum()), len(right))
    protocol = dict(features.protocol)
    return Measure(name, value, "1", "higher", "estimate", len(right), None, low, high, EXPECTED, protocol)
