"""Inception score: how sure a classifier is of each sample, and how many classes it sees in all of them.

Reference: Salimans et al. 2016; over all samples at once, without splits.
"""

from __future__ import annotations

import math
from dataclasses import replace

from genkit.core.identity import named
from genkit.metrics.feature_intervals import EXPECTED, Z, mean_of
from genkit.metrics.features import Features, check_enough
from genkit.metrics.measure import Measure
from genkit.system.errors import Unmeasurable


def inception_score(generated: Features) -> Measure:
    """exp of the mean of KL(p(y|x) ‖ p(y)), between 1 and the number of classes.

    Raises:
        Unmeasurable: fewer than 2 samples, or an extractor that does not classify.
    """
    check_enough("inception_score", 2, None, generated)
    if generated.probabilities is None:
        metric = named("inception_score", generated.protocol.get("extractor"))
        raise Unmeasurable(metric, "needs an extractor that classifies; this one does not.")
    p = generated.probabilities.double()
    p = p / p.sum(1, keepdim=True)
    # Moving p(y) has no effect of first order on the mean of these, so they are its influence values too.
    divergence = (p * (p.clamp(min=1e-38).log() - p.mean(0).clamp(min=1e-38).log())).sum(1)
    mean, variance = mean_of(divergence)
    half = Z * math.sqrt(variance)
    protocol = {**generated.protocol, "classes": p.shape[1], "splits": 1, "version": 1}
    metric = named("inception_score", generated.protocol.get("extractor"))
    measure = Measure(metric, math.exp(mean), "1", "higher", "estimate", len(generated), protocol=protocol)
    return replace(measure, low=math.exp(mean - half), high=math.exp(mean + half), interval=EXPECTED)
