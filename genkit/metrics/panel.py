"""The panel: metrics measured on evidence, each function called once, what cannot be measured told apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from genkit.metrics.catalogue import BUILT_IN, kind_of
from genkit.metrics.declaration import Measured, Measuring, Metric
from genkit.metrics.evidence import Evidence, Seen
from genkit.metrics.feature_intervals import EXPECTED
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
    "measured",
    "neighbour_measures",
    "precision",
    "recall",
    "sliced_wasserstein",
]
METRICS = tuple(metric.name for metric in BUILT_IN.values() if metric.group == "images")


def measured(
    metrics: Sequence[Metric],
    evidence: Evidence,
    refused: list[Unmeasurable] | None = None,
    role: str = "model",
) -> list[Measure]:
    """What metrics make of evidence, in their order.

    Args:
        refused: where given, a metric that cannot be measured adds its reason here and the others go on.
        role: "model", "floor" or "ceiling": those without it are left out.

    Raises:
        Unmeasurable: too few samples for a metric, where `refused` is None.
        ConfigError: what another's metric measured is not what it declares, or it failed.
    """
    wanted: list[tuple[Measuring, dict[str, Metric]]] = []
    for metric in metrics:
        if (function := function_of(metric, role)) is not None:
            of = next((own for other, own in wanted if other == function), None)
            if of is None:
                wanted.append((function, {metric.name: metric}))
            else:
                of[metric.name] = metric
    found: dict[str, Measure] = {}
    for function, own in wanted:
        try:
            found |= _called(function, own, evidence)
        except Unmeasurable as error:
            if refused is None:
                raise
            if str(error) not in map(str, refused):
                refused.append(error)
    return [found[metric.name] for metric in metrics if metric.name in found]


def beside(
    metrics: Sequence[Metric], role: str, model: Evidence, made: Callable[[], Evidence]
) -> list[Measure]:
    """The floor or the ceiling of metrics, as far as it can be measured.

    Args:
        model: the evidence of the model, for metrics that measure the role in a way of their own.
        made: makes the evidence with real examples, or noise, in the place of samples.
    """
    found: list[Measure] = []
    if same := [metric for metric in metrics if getattr(metric, role) is True]:
        found += measured(same, made(), [], role)
    if other := [metric for metric in metrics if not isinstance(getattr(metric, role), bool)]:
        found += measured(other, model, [], role)
    order = [metric.name for metric in metrics]
    return sorted(found, key=lambda measure: order.index(kind_of(measure.metric)))


def function_of(metric: Metric, role: str) -> Measuring | None:
    """By which function a metric is measured in a role; None: it has none."""
    if role == "model":
        return metric.measure
    own = metric.floor if role == "floor" else metric.ceiling
    return (metric.measure if own else None) if isinstance(own, bool) else own


def _called(function: Measuring, own: Mapping[str, Metric], evidence: Evidence) -> dict[str, Measure]:
    """The measures of a function, by the names of the metrics that share it."""
    first = next(iter(own.values()))
    try:
        made = function(evidence)
    except Unmeasurable:
        raise
    except Exception as error:
        if not first.source:
            raise
        raise ConfigError(f"{first.said} failed: {type(error).__name__}: {error}") from error
    measures = _measures(first, made, evidence)
    return {kind: m for m in measures if (kind := kind_of(m.metric)) in own and _as_declared(own[kind], m)}


def _measures(metric: Metric, made: Measured, evidence: Evidence) -> Sequence[Measure]:
    """What a function returned, as measures: numbers of samples get their protocol here."""
    if isinstance(made, Measure):
        return [made]
    if isinstance(made, list) and all(isinstance(one, Measure) for one in made):
        return made
    numbers = made if isinstance(made, tuple) else (made,)
    if len(numbers) not in (1, 3) or not all(isinstance(number, float | int) for number in numbers):
        what = type(made).__name__
        raise ConfigError(f"{metric.said} measured a {what}: return a number, or (value, low, high).")
    value, low, high = (*numbers, None, None)[:3]
    if not math.isfinite(value):
        raise Unmeasurable(metric.name, f"has no finite value here ({value:g}).")
    if low is not None and not metric.interval:
        raise ConfigError(f"{metric.said} gave an interval, and declares none: say how it is made.")
    n, m = len(evidence.generated), len(evidence.real) or None
    of = "" if low is None else EXPECTED
    protocol = evidence.generated.protocol
    measure = Measure(
        *(metric.name, float(value), metric.unit, metric.direction, "estimate", n, m, low, high, of, protocol)
    )
    return [measure]


def _as_declared(metric: Metric, measure: Measure) -> bool:
    """Whether a measure is what its metric declares.

    Raises:
        ConfigError: it is not.
    """
    for key, said in (("unit", measure.unit.partition("/")[0]), ("direction", measure.direction)):
        declared = getattr(metric, key)
        if declared not in (said, getattr(measure, key)):
            raise ConfigError(f"{metric.said} measured the {key} {said}, and declares {declared}.")
    return True


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
    if unknown := [name for name in metrics if name not in METRICS]:
        raise ConfigError(f"{unknown[0]!r} is no image metric.{nearest(unknown[0], METRICS)}")
    chosen = [BUILT_IN[name] for name in dict.fromkeys(metrics)]
    return measured(chosen, Evidence(Seen.of_features(generated), Seen.of_features(real)), refused)
