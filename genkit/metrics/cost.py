"""What a model costs: size, operations, time and memory of training, speed of drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genkit.metrics.measure import Kind, Measure
from genkit.metrics.of_runs import OF_COST

if TYPE_CHECKING:
    from genkit.metrics.evidence import Evidence


@dataclass(frozen=True)
class Costs:
    """What a model cost, see `cost_measures`."""

    found: Mapping[str, float]
    about: Mapping[str, str]
    drawn: int = 0
    timed: str = "steps alone"


def measures(evidence: Evidence) -> list[Measure]:
    """The costs of the evidence."""
    costs = evidence.costs
    return [] if costs is None else cost_measures(costs.found, costs.about, costs.drawn, costs.timed)


def cost_measures(
    costs: Mapping[str, float], about: Mapping[str, str], drawn: int = 0, timed: str = "steps alone"
) -> list[Measure]:
    """Costs by the names of the catalogue, in its order.

    Args:
        about: what they depend on: the hardware, how operations were counted.
        drawn: samples that the speed rests on.
        timed: what the seconds of training are of.
    """
    found = []
    for metric in OF_COST:
        if (name := metric.name) in costs:
            kind: Kind = "exact" if metric.counted else "estimate"
            n = drawn if name == "samples_per_second" else 0
            protocol = dict(about) if kind == "estimate" else {}
            if name in ("training_seconds", "codec_seconds"):
                protocol["timed"] = timed
            value = float(costs[name])
            found.append(Measure(name, value, metric.unit, metric.direction, kind, n, protocol=protocol))
    return found
