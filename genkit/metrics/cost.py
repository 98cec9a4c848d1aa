"""What a model costs: size, operations, time and memory of training, speed of drawing."""

from __future__ import annotations

from collections.abc import Mapping

from genkit.metrics.measure import Direction, Kind, Measure

COSTS: dict[str, tuple[str, Direction, Kind]] = {
    "parameters": ("1", "lower", "exact"),
    "training_steps": ("steps", "none", "exact"),
    "training_examples": ("examples", "none", "exact"),
    "training_flops": ("FLOP", "lower", "estimate"),
    "training_seconds": ("s", "lower", "estimate"),
    "training_memory": ("bytes", "lower", "estimate"),
    "samples_per_second": ("1/s", "higher", "estimate"),
}


def cost_measures(
    costs: Mapping[str, float], about: Mapping[str, str], drawn: int = 0, timed: str = "steps alone"
) -> list[Measure]:
    """Costs by the names of `COSTS`, in its order.

    Args:
        about: what they depend on: the hardware, how operations were counted.
        drawn: samples that the speed rests on.
        timed: what the seconds of training are of.
    """
    found = []
    for name, (unit, direction, kind) in COSTS.items():
        if name in costs:
            n = drawn if name == "samples_per_second" else 0
            protocol = dict(about) if kind == "estimate" else {}
            if name == "training_seconds":
                protocol["timed"] = timed
            found.append(Measure(name, float(costs[name]), unit, direction, kind, n, protocol=protocol))
    return found
