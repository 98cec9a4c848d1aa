"""The page of a factorial study: orders, curves against the budget, numbers and samples of every block."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from genkit.metrics.catalogue import catalogue, group_of, kind_of
from genkit.report import embedded, tables
from genkit.report.factorials import FactorialAnalysis, Studied, analyse_factorial, in_words
from genkit.report.figures import of_bands
from genkit.report.illustrations import Illustration, written
from genkit.report.lines import Line
from genkit.report.numbers import amount_text
from genkit.report.page import PAGE, examples_of, pairs_of, real_of, rendered, row_of
from genkit.report.plots import Plot, styles
from genkit.runs import write_atomically
from genkit.statistics import band
from genkit.system.errors import StorageError
from genkit.system.terminal import without_controls

OF_RUNS = ("arm", "seed", "status", "reason", "metric", "role", "value", "low", "high", "kind", "n", "n_real")
COSTS = ("samples_per_second", "training_seconds")  # of what a run costs, those that differ at one budget


def factorial_report(folder: Path, out: Path) -> Path:
    """Write `report.html`, `verdict.txt`, figures and tables into the folder `out`; returns the page.

    Raises:
        ConfigError: the folder is no factorial study's, or it or a study in it is damaged.
        CheckpointError: a study holds links, pipes or devices.
        StorageError: the folder cannot be written.
    """
    return write(analyse_factorial(folder), out)


def write(found: FactorialAnalysis, out: Path) -> Path:
    """What a factorial study says, as `factorial_report` writes it.

    Raises:
        StorageError: the folder cannot be written.
    """
    plots = curves(found)
    try:
        (out / "figures").mkdir(parents=True, exist_ok=True)
        (out / "tables").mkdir(exist_ok=True)
        drawn = {name: written(name, several, out / "figures") for name, several in plots.items()}
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror}. Give another out=.") from error
    verdict = " ".join(without_controls(in_words(found)).split())
    write_atomically(out / "tables" / "orders.md", tables.markdown(orders(found)))
    write_atomically(out / "tables" / "orders.csv", tables.csv(orders(found)))
    write_atomically(out / "tables" / "summary.csv", tables.csv(summary(found)))
    write_atomically(out / "tables" / "values.csv", tables.csv(values(found)))
    write_atomically(out / "tables" / "pairs.csv", tables.csv(pairs(found)))
    write_atomically(out / "verdict.txt", f"{verdict}\n")
    write_atomically(out / PAGE, _page(found, drawn, verdict, out))
    return out / PAGE


def curves(found: FactorialAnalysis) -> dict[str, list[Plot]]:
    """Of each metric a plot for every block that has it: the arms' means over seeds against the budget."""
    by_kind: dict[str, dict[str, dict[float, Line]]] = {}
    for (block, amount), cell in found.cells.items():
        for line in cell.analysis.lines:
            if group_of(line.metric) != "cost" or line.metric in COSTS:
                by_kind.setdefault(kind_of(line.metric), {}).setdefault(block, {})[amount] = line
    first = [found.declared.primary] if found.declared.primary in by_kind else []
    order = [*first, *(kind for kind in by_kind if kind not in first)]
    blocks = found.declared.blocks
    plots = {kind: [_curve(found, block, by_kind[kind].get(block)) for block in blocks] for kind in order}
    drawn = {kind: [plot for plot in several if plot is not None] for kind, several in plots.items()}
    return {kind: several for kind, several in drawn.items() if several}


def _curve(found: FactorialAnalysis, block: str, lines: Mapping[float, Line] | None) -> Plot | None:
    """One metric of a block; None where no arm has a number."""
    if not lines:
        return None
    arms = list(dict.fromkeys(arm for line in lines.values() for arm in line.cells))
    bands, counts = {}, {}
    for arm in arms:
        by_seed: dict[int, list[tuple[float, float]]] = {}
        for amount, line in sorted(lines.items()):
            for seed, value in line.cells[arm].values.items():
                by_seed.setdefault(seed, []).append((amount, value))
        if by_seed:
            of_arm = [([x for x, _ in points], [y for _, y in points]) for points in by_seed.values()]
            bands[arm], counts[arm] = band(of_arm), len(by_seed)
    if not bands:
        return None
    name = f"{block}: {next(iter(lines.values())).name}"
    return of_bands(name, found.unit, bands, counts, styles(arms), at=found.amounts)


def orders(found: FactorialAnalysis) -> pd.DataFrame:
    """A line a block, a column a budget: the arms, the best first."""
    rows = [
        {
            "block": block,
            **{
                f"{amount_text(amount)} {found.unit}": found.order_in_words((block, amount))
                if (block, amount) in found.ended
                else "–"
                for amount in found.amounts
            },
        }
        for block in found.declared.blocks
    ]
    return pd.DataFrame(rows)


def values(found: FactorialAnalysis) -> pd.DataFrame:
    """A line for each number of each run of each cell, as `tables.values` has them."""
    return _of_cells(found, lambda cell: tables.values(cell.members)[[*OF_RUNS]])


def summary(found: FactorialAnalysis) -> pd.DataFrame:
    """A line for each metric of each cell, as `tables.summary` has them."""
    return _of_cells(found, lambda cell: tables.summary(cell.analysis)).fillna("–")


def _of_cells(found: FactorialAnalysis, table: Callable[[Studied], pd.DataFrame]) -> pd.DataFrame:
    """The tables of all cells below one another, each line with its block and its budget."""
    frames = []
    for (block, amount), cell in found.cells.items():
        frames.append(table(cell))
        frames[-1].insert(0, found.unit, amount_text(amount))
        frames[-1].insert(0, "block", block)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["block", found.unit])


def pairs(found: FactorialAnalysis) -> pd.DataFrame:
    """A line for every two arms of each cell that has ended."""
    rows = [
        {"block": block, found.unit: amount_text(amount), **plain}
        for (block, amount), several in found.comparisons.items()
        for plain in tables.pairs_of(several, found.planned).to_dict("records")
    ]
    return pd.DataFrame(rows)


def _page(found: FactorialAnalysis, drawn: Mapping[str, list[Illustration]], verdict: str, out: Path) -> str:
    primary = found.declared.primary
    blocks = [_block(found, block) for block in found.declared.blocks]
    embedded.bounded([entry for block in blocks for entry in (block.real, *block.examples)])
    members = [member for cell in found.cells.values() for member in cell.members]
    failures = [member for member in members if member.ended and (not member.finished or member.worthless)]
    return rendered(
        "factorial.html",
        title=found.declared.name,
        question=found.declared.question or "",
        verdict=verdict,
        found=found,
        drawn=drawn,
        kinds=[(kind, _better(kind)) for kind in drawn],
        primary=primary,
        orders=orders(found).to_dict("records"),
        blocks=blocks,
        cells=[_study(cell, out) for cell in found.cells.values()],
        pairs=[
            {"block": block, "amount": amount_text(amount), "pairs": pairs_of(several, found.planned)}
            for (block, amount), several in found.comparisons.items()
        ],
        runs=len(members),
        failures=failures,
    )


def _better(kind: str) -> str:
    """Which way is better, in words; "" where neither is."""
    metric = catalogue().read(kind)
    return f"{metric.direction} is better" if metric and metric.direction != "none" else ""


@dataclass(frozen=True)
class ShownBlock:
    """What the page shows of a block: numbers and samples under the largest budget that has ended.

    Attributes:
        amount: that budget, in words; "" where nothing has run.
        lines, examples, real: as in the report of a study.
    """

    name: str
    amount: str = ""
    arms: Sequence[str] = ()
    lines: Sequence[object] = ()
    primary: Line | None = None
    examples: Sequence[dict[str, object]] = ()
    real: dict[str, object] = field(default_factory=dict)


def _block(found: FactorialAnalysis, block: str) -> ShownBlock:
    there = [found.cells[block, amount] for amount in found.amounts if (block, amount) in found.cells]
    cell = next((c for c in reversed(there) if c.ended), there[-1] if there else None)
    if cell is None:
        return ShownBlock(block)
    arms = cell.analysis.arms
    return ShownBlock(
        block,
        amount_text(cell.amount),
        arms,
        [row_of(line) for line in cell.analysis.lines],
        cell.analysis.primary,
        examples_of(cell.members, arms),
        real_of(cell.members),
    )


@dataclass(frozen=True)
class ShownStudy:
    """Where the report of a cell is, "" where there is none, and how many of its runs have ended."""

    name: str
    place: str
    ended: int
    planned: int
    failed: Sequence[str]


def _study(cell: Studied, out: Path) -> ShownStudy:
    page = cell.folder / "report" / PAGE
    ended = [member for member in cell.members if member.ended]
    failed = [member for member in ended if not member.finished or member.worthless]
    return ShownStudy(
        cell.folder.name,
        quote(os.path.relpath(page, out)) if page.is_file() else "",
        len(ended),
        len(cell.members),
        [f"{m.arm}, seed {m.seed}: {m.worthless or m.status}" for m in failed],
    )
