"""What the mean of a metric can be at all, so that no interval says more."""

from __future__ import annotations

from genkit.metrics.catalogue import read
from genkit.statistics import ANY, POSITIVE, Range


def range_of(metric: str, unit: str = "1") -> Range:
    """Of a metric, as it declares it (`fid` for `fid_digits`); anything where it is unknown."""
    if (metric, unit) == ("nll", "nats/token"):  # tokens have probabilities; pictures may have densities
        return POSITIVE
    found = read(metric)
    return ANY if found is None else Range(found.least, found.most, found.counted)
