"""The panel of image metrics: everything that two sets of pictures allow, in the order of a table."""

from __future__ import annotations

from collections.abc import Callable

from genkit.core.identity import kind_of
from genkit.metrics.features import Features, check_pair
from genkit.metrics.frechet import fid, fid_infinity
from genkit.metrics.inception_score import inception_score
from genkit.metrics.kernel import diversity, kid
from genkit.metrics.measure import Measure
from genkit.metrics.neighbours import coverage, density, neighbour_measures, precision, recall
from genkit.metrics.wasserstein import sliced_wasserstein
from genkit.system.errors import ConfigError, Unmeasurable, nearest

__all__ = [
    "coverage",
    "density",
    "diversity",
    "fid",
    "fid_infinity",
    "image_measures",
    "inception_score",
    "kid",
    "neighbour_measures",
    "precision",
    "recall",
    "sliced_wasserstein",
]
NEIGHBOURS = ("precision", "recall", "density", "coverage")
PAIRED: dict[str, Callable[[Features, Features], Measure]] = {
    "fid": fid,
    "fid_infinity": fid_infinity,
    "kid": kid,
    "sliced_wasserstein": sliced_wasserstein,
}
ALONE: dict[str, Callable[[Features], Measure]] = {"inception_score": inception_score, "diversity": diversity}
METRICS = ("fid", "fid_infinity", "kid", "inception_score", *NEIGHBOURS, "sliced_wasserstein", "diversity")


def image_measures(
    real: Features,
    generated: Features,
    metrics: tuple[str, ...] | None = None,
    refused: list[Unmeasurable] | None = None,
) -> list[Measure]:
    """Generated pictures against real ones.

    Args:
        metrics: of `METRICS`; None: all, without the inception score where the extractor does not classify.
        refused: where given, a metric that cannot be computed adds its reason here and the others go on.

    Raises:
        Unmeasurable: too few samples for a metric, where `refused` is None.
        ConfigError: features of two extractors.
    """
    check_pair(real, generated)
    if metrics is None:
        metrics = tuple(m for m in METRICS if m != "inception_score" or generated.probabilities is not None)
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise ConfigError(f"{unknown[0]!r} is no image metric.{nearest(unknown[0], METRICS)}")
    found: dict[str, Measure] = {}
    for name in metrics:
        if name in found:
            continue
        try:
            if name in NEIGHBOURS:
                found |= {kind_of(measure.metric): measure for measure in neighbour_measures(real, generated)}
            else:
                found[name] = PAIRED[name](real, generated) if name in PAIRED else ALONE[name](generated)
        except Unmeasurable as error:
            if refused is None:
                raise
            if str(error) not in map(str, refused):
                refused.append(error)
    return [found[name] for name in metrics if name in found]
