"""Had the budget been smaller: what the arms had reached at parts of it, and in which order they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genkit.report.compute import UNITS, Compute
from genkit.report.numbers import number, reached_text
from genkit.statistics import value_at

SHARES = (0.25, 0.5, 0.75, 1.0)
# The cost that a budget of such a unit limits; steps, tokens and examples of a run go with one another.
COST_OF = {"flops": "training_flops", "seconds": "training_seconds"}


@dataclass(frozen=True)
class Sensitivity:
    """One validation term at parts of what all arms have spent.

    Attributes:
        term: of the validation.
        spent: the whole, in words: "32,000 examples".
        cells: by arm, what it had reached at each of `SHARES`; "–" before its first validation.
        orders: the arms from the least to the most at each; () where one of them has nothing yet.
    """

    term: str
    spent: str
    cells: Mapping[str, Sequence[str]]
    orders: Sequence[tuple[str, ...]]

    def words(self) -> str:
        """Whether the order hangs on the budget."""
        known = [(share, order) for share, order in zip(SHARES, self.orders, strict=True) if order]
        if len(known) < 2:
            return "too few validations to tell"
        others = [f"{share:.0%}" for share, order in known if order != known[-1][1]]
        others = [part.replace("%", "\N{NO-BREAK SPACE}%") for part in others]
        return (
            f"means in another order at {', '.join(others)}"
            if others
            else "means in the same order throughout"
        )


def sensitivity(found: Sequence[Compute], unit: str | None) -> list[Sensitivity]:
    """Every validation term that two arms have, by the cost that the budget limits.

    Args:
        found: learning curves against costs.
        unit: of the budget; None, or where nobody knows that cost: the first that there is.
    """
    found = [of for of in found if of.shared]
    there = [cost for cost in UNITS if any(of.cost == cost for of in found)]
    wanted = COST_OF.get(unit or "", "training_examples")
    cost = wanted if wanted in there else next(iter(there), None)
    return [_of(of) for of in found if of.cost == cost]


def _of(of: Compute) -> Sensitivity:
    spent = min(float(b.x[-1]) for b in of.bands.values())
    places = [share * spent for share in SHARES]
    reached = {
        arm: [value_at(b, place) if place >= b.x[0] else None for place in places]
        for arm, b in of.bands.items()
    }
    orders = []
    for place in range(len(SHARES)):
        means = {arm: at[0] for arm, several in reached.items() if (at := several[place]) is not None}
        whole = len(means) == len(reached)
        orders.append(tuple(sorted(means, key=lambda arm: means[arm])) if whole else ())
    cells = {
        arm: ["–" if at is None else reached_text(*at) for at in several] for arm, several in reached.items()
    }
    return Sensitivity(of.term, f"{number(spent)} {UNITS[of.cost]}", cells, orders)
