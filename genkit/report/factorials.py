"""A factorial study as its files tell it: cells, every two arms of each, and in which order they stand."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genkit import statistics
from genkit.report.analysis import Analysis, analyse
from genkit.report.numbers import amount_text
from genkit.report.sources import Member, is_study, read_study
from genkit.runs.studies import FACTORIAL, cell_name
from genkit.statistics import Comparison
from genkit.system.errors import ConfigError
from genkit.system.plain import inside, read_yaml
from genkit.system.schemas import Number, typed


@dataclass(frozen=True)
class FactorialDeclared:
    """What a report takes from the declaration of a factorial study."""

    name: str
    primary: str
    blocks: Mapping[str, Mapping[str, object]]
    budgets: Mapping[str, list[Number]]
    question: str | None = None


@dataclass(frozen=True)
class Studied:
    """A block under a budget: the runs of its study so far, and what they say by themselves."""

    block: str
    amount: float
    folder: Path
    members: Sequence[Member]
    analysis: Analysis

    @property
    def ended(self) -> bool:
        return all(member.ended for member in self.members)

    def order(self) -> list[str]:
        """The arms by their means of the metric that decides, the best first; those without a number last."""
        line = self.analysis.primary
        if line is None:
            return []
        means = {arm: cell.summary.mean for arm, cell in line.cells.items() if cell.summary}
        ordered = sorted(means, key=lambda arm: means[arm], reverse=line.direction == "higher")
        return [*ordered, *(arm for arm in line.cells if arm not in means)]


@dataclass(frozen=True)
class ChangedPlaces:
    """Two arms of a block that were told apart under two budgets, the other way round."""

    block: str
    before: tuple[float, str]
    after: tuple[float, str]

    def words(self, unit: str) -> str:
        (few, first), (many, second) = self.before, self.after
        return (
            f"{self.block}: {first} is better than {second} under {amount_text(few)} {unit},"
            f" and worse under {amount_text(many)}"
        )


@dataclass(frozen=True)
class FactorialAnalysis:
    """Everything that the page of a factorial study says in numbers.

    Attributes:
        cells: those that have a study, in the order of the declaration's budgets and blocks.
        comparisons: of the cells that have ended, corrected for those of all cells.
        planned: how many comparisons these are.
    """

    declared: FactorialDeclared
    cells: Mapping[tuple[str, float], Studied]
    comparisons: Mapping[tuple[str, float], Sequence[Comparison]] = field(default_factory=dict)
    planned: int = 0

    @property
    def unit(self) -> str:
        return next(iter(self.declared.budgets))

    @property
    def amounts(self) -> list[float]:
        return [float(amount) for amount in self.declared.budgets[self.unit]]

    @property
    def ended(self) -> list[tuple[str, float]]:
        """The cells of which every run has ended."""
        return [key for key, cell in self.cells.items() if cell.ended]

    def told(self, key: tuple[str, float], first: str, second: str) -> bool:
        """Whether two arms of a cell are told apart."""
        found = self.comparisons.get(key, ())
        return any(c.significant and {c.first, c.second} == {first, second} for c in found)

    def order_in_words(self, key: tuple[str, float]) -> str:
        """The arms of a cell, the best first: "vae, then gan and flow"."""
        order = self.cells[key].order()
        if not order:
            return f"no run has a number of {self.declared.primary}"
        said = order[:1]
        for before, after in itertools.pairwise(order):
            said.append(f"{', then' if self.told(key, before, after) else ' and'} {after}")
        return "".join(said)

    def turns(self) -> list[ChangedPlaces]:
        """Of every two arms that change places the first time, as far as both orders are shown."""
        found = []
        for block in self.declared.blocks:
            shown: dict[frozenset[str], tuple[float, str]] = {}
            for amount in self.amounts:
                for c in self.comparisons.get((block, amount), ()):
                    pair = frozenset((c.first, c.second))
                    if not c.significant or c.better is None:
                        continue
                    if pair in shown and shown[pair][1] != c.better:
                        found.append(ChangedPlaces(block, shown[pair], (amount, c.better)))
                    shown[pair] = amount, c.better
        return found


def is_factorial(folder: Path) -> bool:
    return (folder / FACTORIAL).is_file()


def analyse_factorial(folder: Path) -> FactorialAnalysis:
    """What the studies of a factorial study say together.

    Raises:
        ConfigError: the folder is no factorial study's, or it or a cell is damaged.
        CheckpointError: a cell holds links, pipes or devices.
    """
    if not is_factorial(folder):
        raise ConfigError(f"{folder} is no factorial study: it lacks {FACTORIAL}; give study=FOLDER.")
    try:
        declared = typed(read_yaml(folder / FACTORIAL, {}), FactorialDeclared)
        arms = [len(typed(block.get("arms"), dict[str, object])) for block in declared.blocks.values()]
        if len(declared.budgets) != 1:
            raise ValueError("it has no budgets of one unit")
        cells = {}
        for amount in map(float, next(iter(declared.budgets.values()))):
            for block in declared.blocks:
                place = inside(folder, cell_name(block, amount))
                if is_study(place):
                    cells[block, amount] = _studied(place, block, amount, declared.primary)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{folder} holds a damaged factorial study: {error}; restore it from a copy."
        ) from None
    amounts = len(next(iter(declared.budgets.values())))
    planned = amounts * sum(n * (n - 1) // 2 for n in arms)
    return FactorialAnalysis(declared, cells, _compared(cells, planned), planned)


def _studied(folder: Path, block: str, amount: float, primary: str) -> Studied:
    _, members = read_study(folder)
    return Studied(block, amount, folder, members, analyse(members, primary))


def _compared(
    cells: Mapping[tuple[str, float], Studied], planned: int
) -> dict[tuple[str, float], list[Comparison]]:
    lines = {key: cell.analysis.primary for key, cell in cells.items() if cell.ended}
    deciding = {key: line for key, line in lines.items() if line is not None and line.direction != "none"}
    if not deciding:
        return {}
    outcomes = {
        key: {arm: cell.outcomes for arm, cell in line.cells.items() if cell.outcomes}
        for key, line in deciding.items()
    }
    bounds = {key: [arm for arm, cell in line.cells.items() if cell.bound] for key, line in deciding.items()}
    direction = next(iter(deciding.values())).direction
    return statistics.compare_blocks(outcomes, direction, bounds, planned)


def in_words(found: FactorialAnalysis) -> str:
    """The verdict: how to read it, a sentence for each block, and who changes places with the budget."""
    said = [_reading(found), *filter(None, (_of_block(found, block) for block in found.declared.blocks))]
    if found.comparisons and len(found.amounts) > 1:
        words = "; ".join(changed.words(found.unit) for changed in found.turns())
        said.append(
            f"Places that are shown to change with the budget: {words}."
            if words
            else "No two arms are shown to change places between budgets."
        )
    cells = len(found.amounts) * len(found.declared.blocks)
    if left := cells - len(found.ended):
        said.append(f"{left} of {cells} cells are still to run.")
    return " ".join(said)


def _reading(found: FactorialAnalysis) -> str:
    """How the orders are to be read."""
    if not found.comparisons:
        return "No cell has an order:"
    seeds = sorted({c.n for several in found.comparisons.values() for c in several})
    n = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return (
        f"By {found.declared.primary}, the best first; “then” stands where two neighbours are told apart,"
        f" “and” where they are not (p ≤ {statistics.ALPHA} after Holm over all {found.planned} comparisons,"
        f" {n} seeds)."
    )


def _of_block(found: FactorialAnalysis, block: str) -> str:
    """The orders of a block under all budgets, the same ones said once."""
    orders: dict[str, list[str]] = {}
    for amount in found.amounts:
        if (block, amount) in found.ended:
            orders.setdefault(found.order_in_words((block, amount)), []).append(amount_text(amount))
    if len(orders) == 1 and len(found.amounts) > 1 and len(next(iter(orders.values()))) == len(found.amounts):
        return f"{block}: {next(iter(orders))}, under every budget."
    parts = [f"{order} under {statistics.listed(amounts)}" for order, amounts in orders.items()]
    return f"{block}: {'; '.join(parts)} {found.unit}." if parts else ""
