"""Learning curves against what a training has cost: examples, operations and seconds instead of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genkit.report.numbers import number, reached_text
from genkit.report.sources import Curve, Member
from genkit.statistics import Band, band, value_at

UNITS = {"training_examples": "examples", "training_flops": "FLOP", "training_seconds": "s"}
AXES = {"training_examples": "examples seen", "training_flops": "FLOP", "training_seconds": "seconds"}
OF_CODEC = {"training_flops": "codec_flops", "training_seconds": "codec_seconds"}  # parts of these


@dataclass(frozen=True)
class Compute:
    """One validation term against one cost.

    Attributes:
        term: of the validation.
        unit: of the term; "": nobody knows.
        cost: one of `UNITS`.
        bands: by arm, over its training seeds, as far as each of them goes; x in the cost's unit.
    """

    term: str
    unit: str
    cost: str
    bands: Mapping[str, Band]

    @property
    def shared(self) -> bool:
        """Whether two arms have it, so that there is something to compare."""
        return len(self.bands) > 1

    def words(self) -> str:
        """What each arm has reached at the most that all of them have spent; "" where they share nothing."""
        if not self.shared:
            return ""
        first = max(float(b.x[0]) for b in self.bands.values())
        spent = min(float(b.x[-1]) for b in self.bands.values())
        if spent < first:
            return ""
        reached = [f"{arm} {reached_text(*value_at(b, spent))}" for arm, b in self.bands.items()]
        return f"{self.term} at {number(spent)} {UNITS[self.cost]}: {', '.join(reached)}"


def against_costs(members: Sequence[Member]) -> list[Compute]:
    """Every validation term against every cost that runs know, those that two arms share first.

    A step of a run costs what its steps cost on average: examples and operations are the same for each,
    seconds nearly so.  What its codec cost, where it has one, was spent before the first.
    """
    found = []
    for cost in UNITS:
        for (term, unit), having in by_term(members).items():
            by_arm: dict[str, list[Curve]] = {}
            for member in having:
                price, before = _of_a_step(member, cost), _before(member, cost)
                if price and member.finished and not member.worthless:
                    steps, values = member.curves[term]
                    curve = ([before + step * price for step in steps], values)
                    by_arm.setdefault(member.arm, []).append(curve)
            bands = {arm: b for arm, curves in by_arm.items() if len((b := band(curves, whole=True)).x) > 1}
            if bands:
                found.append(Compute(term, unit, cost, bands))
    return sorted(found, key=lambda of: not of.shared)


def at_equal_compute(members: Sequence[Member]) -> list[Compute]:
    """Those that two arms share."""
    return [of for of in against_costs(members) if of.shared]


def by_term(members: Sequence[Member]) -> dict[tuple[str, str], list[Member]]:
    """The members that have a curve of each term, by the term and its unit; those of two arms first.

    What families call by one name may be of an example to one and of a token to another: it stands apart.
    """
    found: dict[tuple[str, str], list[Member]] = {}
    for member in members:
        for term, (steps, _) in member.curves.items():
            if len(steps) > 1:
                unit = str(member.record.units.get(term.removeprefix("val/")) or "")
                found.setdefault((term, unit), []).append(member)
    return dict(sorted(found.items(), key=lambda item: (len({m.arm for m in item[1]}) < 2, item[0])))


def _of_a_step(member: Member, cost: str) -> float | None:
    """What a step of a run cost, by what its checkpoint's training did."""
    whole, step = _number(member, cost), member.step
    if not whole or not step:
        return None
    return float(whole - _before(member, cost)) / step


def _before(member: Member, cost: str) -> float:
    """What its codec had cost before the first step, of a run that has one."""
    return (_number(member, OF_CODEC[cost]) if cost in OF_CODEC else None) or 0.0


def _number(member: Member, metric: str) -> float | None:
    """The first number of a metric that a run has."""
    for row in member.rows:
        if row.metric == metric and row.role == "model" and row.value:
            return float(row.value)
    return None
