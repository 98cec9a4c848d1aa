"""From rows to a table: which numbers may stand together, what is missing and why, what it all says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from genkit import statistics
from genkit.core.identity import answers
from genkit.report.reading import Member
from genkit.rows import Row
from genkit.statistics import Comparison, Summary, Verdict

COSTS = ("training_seconds", "training_flops", "parameters")
PREFERRED = ("kid", "fid", "bits_per_byte", "bits_per_dimension", "nll")


@dataclass
class Cell:
    """One arm's numbers in one line of the table.

    Attributes:
        values: by seed.
        summary: None where there are none; `reason` then says why.
        noise: mean half-width of the intervals of single runs: evaluation noise, apart from that of seeds.
    """

    values: dict[int, float] = field(default_factory=dict)
    summary: Summary | None = None
    reason: str = ""
    noise: float | None = None


@dataclass
class Line:
    """One metric, measured in one way.

    Attributes:
        key: what sets it apart: metric, kind, fingerprint, split and the examples that judge.
        floor, ceiling: real examples against real ones, and noise; None where they were not measured.
        sample: a row of it, for its protocol.
    """

    metric: str
    key: tuple[str, ...]
    unit: str
    direction: str
    sample: Row
    cells: dict[str, Cell]
    floor: float | None = None
    ceiling: float | None = None


@dataclass
class Analysis:
    """Everything that a report says in numbers."""

    arms: list[str]
    lines: list[Line]
    primary: Line | None
    verdict: Verdict | None
    notes: list[str]

    @property
    def comparisons(self) -> Sequence[Comparison]:
        return self.verdict.comparisons if self.verdict else ()


def analyse(members: Sequence[Member], primary: str | None = None) -> Analysis:
    """The table of the members, and what its primary metric allows to be said.

    Args:
        primary: the metric of the verdict; None: the first of the usual ones that most arms have.
    """
    arms = list(dict.fromkeys(member.arm for member in members))
    lines = _lines(members, arms)
    main = _primary(lines, primary)
    said = None
    if main is not None and main.direction in ("lower", "higher"):
        said = statistics.verdict(
            {arm: c.values for arm, c in main.cells.items()}, main.direction, main.metric
        )
    notes = _notes(lines)
    if primary and main is None:
        notes.insert(0, f"No run has a number of the primary metric {primary}.")
    return Analysis(arms, lines, main, said, notes)


def _key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Numbers of different keys do not stand in one line."""
    return tuple(str(row.get(name, "")) for name in ("metric", "fingerprint", "kind", "split", "judged"))


def _lines(members: Sequence[Member], arms: Sequence[str]) -> list[Line]:
    lines: dict[tuple[str, ...], Line] = {}
    reasons: dict[tuple[str, str], str] = {}
    half_widths: dict[tuple[tuple[str, ...], str], list[float]] = {}
    roles: dict[tuple[str, ...], list[float]] = {}
    for member in members:
        for row in member.rows:
            metric, value, role = str(row["metric"]), row.get("value"), row.get("role", "model")
            if value is None:
                if role == "model":
                    reasons[metric, member.arm] = str(row.get("note") or "not measured").removeprefix(
                        "none: "
                    )
            elif role != "model":
                roles.setdefault((role, metric), []).append(float(value))
            elif member.finished:
                key = _key(row)
                direction = str(row.get("direction", "none"))
                line = lines.setdefault(
                    key,
                    Line(metric, key, str(row.get("unit", "1")), direction, row, {a: Cell() for a in arms}),
                )
                line.cells[member.arm].values[member.seed] = float(value)
                if row.get("low") is not None and row.get("high") is not None:
                    half = (float(row["high"]) - float(row["low"])) / 2
                    half_widths.setdefault((key, member.arm), []).append(half)
    for key, line in lines.items():
        line.floor, line.ceiling = (_mean(roles.get((role, line.metric))) for role in ("floor", "ceiling"))
        for arm, cell in line.cells.items():
            cell.noise = _mean(half_widths.get((key, arm)))
            if cell.values:
                cell.summary = statistics.summarise(list(cell.values.values()))
            else:
                cell.reason = reasons.get((line.metric, arm)) or _absence(arm, line, lines.values(), members)
    return list(lines.values())


def _absence(arm: str, line: Line, lines: Any, members: Sequence[Member]) -> str:
    """Why an arm has no number in a line."""
    own = [member for member in members if member.arm == arm]
    if not any(member.finished for member in own):
        why = next((member.reason for member in own if member.reason), "")
        return f"no run finished{f': {why}' if why else ''}"
    for other in lines:
        if other.metric == line.metric and other.key != line.key and other.cells[arm].values:
            return f"measured otherwise: {difference(line.sample, other.sample)}"
    return "not measured"


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """In what the protocols of two rows of a metric differ."""
    names = ("kind", "n", "n_real", "split", "judged")
    flat = [{**row.get("protocol", {}), **{name: row.get(name) for name in names}} for row in (one, other)]
    keys = [key for key in {**flat[0], **flat[1]} if flat[0].get(key) != flat[1].get(key)]
    said = [f"{key} is {str(flat[1].get(key))[:40]}, not {str(flat[0].get(key))[:40]}" for key in keys]
    return "; ".join(said) or "its protocol has another fingerprint"


def _primary(lines: Sequence[Line], asked: str | None) -> Line | None:
    wanted = (asked,) if asked else PREFERRED
    for name in wanted:
        same = [line for line in lines if answers(line.metric, name)]
        if same:
            return max(same, key=lambda line: sum(bool(cell.values) for cell in line.cells.values()))
    return next((line for line in lines if line.direction != "none"), None) if not asked else None


def _notes(lines: Sequence[Line]) -> list[str]:
    """The protocol of each line, lines of one protocol together."""
    grouped: dict[str, list[str]] = {}
    for line in lines:
        protocol = ", ".join(f"{key} {value}" for key, value in line.sample.get("protocol", {}).items())
        n = f"n {line.sample.get('n')}" if line.sample.get("n") else ""
        of = f"evaluation interval of {line.sample['interval']}" if line.sample.get("interval") else ""
        text = "; ".join(part for part in (str(line.sample.get("kind", "")), n, protocol, of) if part)
        grouped.setdefault(text, []).append(line.metric)
    return [f"{', '.join(dict.fromkeys(metrics))}: {text}" for text, metrics in grouped.items()]


def _mean(values: Sequence[float] | None) -> float | None:
    return sum(values) / len(values) if values else None


# ---------------------------------------------------------------------- numbers as text


def number(value: float | None, step: float | None = None) -> str:
    """With two digits of its uncertainty, else with four of its own."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if step and abs(value) < 1e6 and step > 1e-9:
        return f"{value:,.{_digits(step)}f}"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        return f"{value:.3e}"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 1000 else f"{value:.4g}"


def _digits(step: float) -> int:
    digits = 0
    while step < 10 and digits < 6:
        step, digits = step * 10, digits + 1
    return digits


def cell_text(cell: Cell) -> str:
    """Mean [interval over seeds], or why there is none."""
    s = cell.summary
    if s is None:
        return "–"
    if s.low is None or s.high is None:
        return number(s.mean)
    half = (s.high - s.low) / 2
    if half <= 1e-9 * abs(s.mean):  # the same in every run, as a number of parameters is
        return number(s.mean)
    return f"{number(s.mean, half)} [{number(s.low, half)}, {number(s.high, half)}]"
