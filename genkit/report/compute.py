"""Learning curves at equal compute: validation terms against operations and seconds instead of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genkit.report.numbers import number
from genkit.report.sources import Curve, Member
from genkit.statistics import Band, band, value_at

UNITS = {"training_flops": "FLOP", "training_seconds": "s"}
OF_CODEC = {"training_flops": "codec_flops", "training_seconds": "codec_seconds"}  # parts of these


@dataclass(frozen=True)
class Compute:
    """One validation term of several arms against one cost.

    Attributes:
        term: of the validation.
        cost: "training_flops" or "training_seconds".
        bands: by arm, over its training seeds, as far as each of them goes; x in the cost's unit.
    """

    term: str
    cost: str
    bands: Mapping[str, Band]

    def words(self) -> str:
        """What each arm has reached at the most that all of them have spent; "" where they share nothing."""
        first = max(float(b.x[0]) for b in self.bands.values())
        spent = min(float(b.x[-1]) for b in self.bands.values())
        if spent < first:
            return ""
        reached = []
        for arm, b in self.bands.items():
            mean, low, high = value_at(b, spent)
            interval = "" if low is None else f" [{number(low)}, {number(high)}]"
            reached.append(f"{arm} {number(mean)}{interval}")
        return f"{self.term} at {number(spent)} {UNITS[self.cost]}: {', '.join(reached)}"


def at_equal_compute(members: Sequence[Member]) -> list[Compute]:
    """Every validation term that two arms have, against every cost that their runs know.

    A step of a run costs what its steps cost on average: operations are the same for each, seconds nearly so.
    What its codec cost, where it has one, was spent before the first.
    """
    found = []
    terms = dict.fromkeys(term for member in members for term in member.curves)
    for cost in UNITS:
        for term in terms:
            by_arm: dict[str, list[Curve]] = {}
            for member in members:
                steps, values = member.curves.get(term, ([], []))
                price = _of_a_step(member, cost)
                if price and len(steps) > 1 and member.finished and not member.worthless:
                    before = _number(member, OF_CODEC[cost]) or 0.0
                    curve = ([before + step * price for step in steps], values)
                    by_arm.setdefault(member.arm, []).append(curve)
            bands = {arm: b for arm, curves in by_arm.items() if len((b := band(curves, whole=True)).x) > 1}
            if len(bands) > 1:
                found.append(Compute(term, cost, bands))
    return found


def _of_a_step(member: Member, cost: str) -> float | None:
    """What a step of a run cost, by what its checkpoint's training did."""
    whole, step = _number(member, cost), member.step
    if not whole or not step:
        return None
    return float(whole - (_number(member, OF_CODEC[cost]) or 0.0)) / step


def _number(member: Member, metric: str) -> float | None:
    """The first number of a metric that a run has."""
    for row in member.rows:
        if row.metric == metric and row.role == "model" and row.value:
            return float(row.value)
    return None
