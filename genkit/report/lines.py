"""The lines of a table: numbers of several runs that may stand together, and why one is missing.

A number's identity is its protocol: what was measured in another way, on other data or on another number of
examples stands in a line of its own, and so do its floor and its ceiling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from genkit import statistics
from genkit.metrics.catalogue import group_of
from genkit.report.metric_ranges import range_of
from genkit.report.sources import Member
from genkit.runs import row_tables
from genkit.runs.row_tables import identity
from genkit.runs.rows import Row
from genkit.statistics import Summary

Key = tuple[str, ...]
OF_SIZE = ("held_out",)  # numbers of examples among a protocol; a floor of halves has fewer


@dataclass
class Cell:
    """One arm's numbers in one line of the table.

    Attributes:
        values: by seed, of the trainings that reached one.
        failed: seeds whose training failed or is worthless.
        planned: trainings that the arm has.
        summary: None where there are no values; `reason` then says why.
        bound: whether the numbers are bounds on better ones.
        noise: mean half-width of the intervals of single runs: evaluation noise, apart from that of seeds.
    """

    values: dict[int, float] = field(default_factory=dict)
    failed: list[int] = field(default_factory=list)
    planned: int = 0
    summary: Summary | None = None
    reason: str = ""
    bound: bool = False
    noise: float | None = None

    @property
    def outcomes(self) -> statistics.Arm:
        """What each training reached; None where it failed, which is worse than any number."""
        return {**self.values, **dict.fromkeys(self.failed)}


@dataclass
class Line:
    """One metric, measured in one way.

    Attributes:
        key: what sets it apart: metric, protocol, split, the examples that judge and their numbers.
        kinds: "exact", "bound" (k importance samples, or through codes), "estimate": those of its numbers.
        floor, ceiling: real examples against real ones, and noise; None where they were not measured.
        sample: a row of it, for its protocol.
    """

    metric: str
    key: Key
    unit: str
    direction: str
    sample: Row
    cells: dict[str, Cell]
    kinds: list[str] = field(default_factory=list)
    floor: float | None = None
    ceiling: float | None = None

    @property
    def name(self) -> str:
        """The metric, and the pictures of the user's own that judge, where no part of the data does."""
        judges = self.sample.place.own
        return f"{self.metric} ({judges})" if judges else self.metric


def lines_of(members: Sequence[Member], arms: Sequence[str]) -> list[Line]:
    """The table's lines, in the order of the members' rows."""
    lines: dict[Key, Line] = {}
    reasons: dict[tuple[str, str, str], str] = {}
    half_widths: dict[tuple[Key, str], list[float]] = {}
    for member in members:
        for row in member.rows:
            if row.role != "model":
                continue
            if row.value is None:
                note = (row.note or "not measured").removeprefix("none: ")
                reasons[row.metric, row.place.own, member.arm] = note
            elif _counts(member, row.metric):
                key = key_of(row)
                line = lines.setdefault(key, _line(key, row, arms))
                cell, kind = line.cells[member.arm], row_tables.bounded(row)
                cell.values[member.seed] = float(row.value)
                cell.bound = cell.bound or row.kind == "bound"
                line.kinds += [kind] if kind not in line.kinds else []
                if row.half_width is not None:
                    half_widths.setdefault((key, member.arm), []).append(row.half_width)
    for key, line in lines.items():
        line.floor, line.ceiling = (_reference(line, role, members) for role in ("floor", "ceiling"))
        for arm, cell in line.cells.items():
            own = [member for member in members if member.arm == arm]
            cell.planned = len(own)
            cell.noise = _mean(half_widths.get((key, arm)))
            if cell.values:
                within = range_of(line.metric, line.unit)
                cell.summary = statistics.summarise(list(cell.values.values()), within=within)
            else:
                cell.reason = reasons.get((line.metric, line.sample.place.own, arm)) or _absence(
                    arm, line, lines.values(), own
                )
            if cell.values or not any(member.finished for member in own if not member.worthless):
                cell.failed = [m.seed for m in own if m.failed and m.seed not in cell.values]
    return list(lines.values())


def _counts(member: Member, metric: str) -> bool:
    """Whether a run's number is one of its arm's: what a worthless training cost is."""
    return member.finished and (not member.worthless or group_of(metric) == "cost")


def _line(key: Key, row: Row, arms: Sequence[str]) -> Line:
    return Line(row.metric, key, row.unit, row.direction, row, {arm: Cell() for arm in arms})


def key_of(row: Row) -> Key:
    """Numbers of different keys do not stand in one line; exact numbers and bounds do, and say so."""
    kind = "exact" if row.kind == "bound" else row.kind
    return *_identity(row), *(str(value) for value in (kind, row.n, row.n_real))


def _identity(row: Row, without: Sequence[str] = ()) -> Key:
    """What a number shares with its floor and its ceiling, which may rest on other numbers of examples."""
    protocol = {k: v for k, v in row.protocol.items() if k not in without}
    return *map(str, identity(replace(row, protocol=protocol))), row.place.split


def _reference(line: Line, role: str, members: Iterable[Member]) -> float | None:
    """The mean floor or ceiling of a line's protocol; of those of its numbers of examples, if there are."""
    wanted = _identity(line.sample, OF_SIZE)
    found = [
        (float(row.value), (row.n, row.n_real))
        for member in members
        for row in member.rows
        if row.role == role and row.value is not None and _identity(row, OF_SIZE) == wanted
    ]
    same = [value for value, sizes in found if sizes == (line.sample.n, line.sample.n_real)]
    return _mean(same or [value for value, _ in found])


def _absence(arm: str, line: Line, lines: Iterable[Line], own: Sequence[Member]) -> str:
    """Why an arm has no number in a line."""
    finished = [member for member in own if member.finished]
    if not finished:
        why = next((member.reason for member in own if member.reason), "")
        return f"no run finished{f': {why}' if why else ''}"
    if all(member.worthless for member in finished):
        codes = dict.fromkeys(member.worthless for member in finished)
        return f"what every run gave is worthless: {', '.join(codes)}"
    for other in lines:
        if other.metric == line.metric and other.key != line.key and other.cells[arm].values:
            return f"measured otherwise: {difference(line.sample, other.sample)}"
    return "not measured"


def difference(one: Row, other: Row) -> str:
    """In what the protocols of two rows of a metric differ."""
    said = row_tables.difference(one, other, ("kind", "n", "n_real", "split", "judged"), 40)
    return said or "its protocol has another fingerprint"


def _mean(values: Sequence[float] | None) -> float | None:
    return sum(values) / len(values) if values else None
