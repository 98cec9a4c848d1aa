"""Sliced Wasserstein distance of pixels: one-dimensional transport along fixed random directions.

References: Rabin et al. 2011; Bonneel et al. 2015.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genkit.metrics.feature_intervals import normal, part_variance
from genkit.metrics.features import PROJECTIONS, SEED, Features, check_enough, check_pair
from genkit.metrics.measure import Measure
from genkit.system.errors import Unmeasurable

DEALS = {2: 96, 4: 24}  # see `part_variance`
SLOPES = (-1.0, -0.7)  # of log-variance: -1 far from the real set and close to it, a little more in between


def sliced_wasserstein(real: Features, generated: Features) -> Measure:
    """The 1-Wasserstein distance of the pixels along P directions of length one, averaged over them.

    Raises:
        Unmeasurable: fewer than 8 samples, or features without projections.
        ConfigError: features of two extractors.
    """
    check_pair(real, generated)
    check_enough("sliced_wasserstein", 8, real, generated)
    if real.projections is None or generated.projections is None:
        raise Unmeasurable(
            "sliced_wasserstein", "needs the projections that `collect` keeps; these have none."
        )
    transport = Transport(real.projections, generated.projections)
    protocol = {**generated.protocol, "projections": PROJECTIONS, "direction_seed": SEED, "version": 1}
    (value,) = transport(np.zeros(len(generated), np.uint8), 1)
    measure = Measure(
        "sliced_wasserstein", value, "1", "lower", "estimate", len(generated), len(real), protocol=protocol
    )
    return normal(measure, part_variance(transport, len(generated), DEALS, SLOPES))


class Transport:
    """∫ |F - G| dx along each of P directions, for disjoint parts of the second set; sorted once.

    Args:
        first: (m, P).
        second: (n, P).
    """

    def __init__(self, first: Tensor, second: Tensor) -> None:
        merged = torch.cat([first, second]).double().T.contiguous()  # (P, m + n)
        values, self.order = merged.sort(dim=1)
        self.gaps = values.diff(dim=1)
        self.first = first.new_full((len(first),), -1 / len(first), dtype=torch.float64)

    def __call__(self, place: np.ndarray, parts: int) -> list[float]:
        """Mean over the directions, for each part that samples of the second set are dealt into."""
        return [self._to(torch.from_numpy(place == part)) for part in range(parts)]

    def _to(self, part: Tensor) -> float:
        weights = torch.cat([self.first, part.double() / part.sum()])
        difference = weights[self.order].cumsum_(1)[:, :-1].abs_()
        return float(difference.flatten() @ self.gaps.flatten()) / len(self.gaps)
