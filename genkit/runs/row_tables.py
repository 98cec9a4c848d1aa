"""Panels: rows side by side, those alone that may stand together, with how they were made.  No torch here."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from genkit.runs.rows import ROLES, Row
from genkit.system.errors import ConfigError
from genkit.system.schemas import Number
from genkit.system.terminal import without_controls

OF_BOUNDS = ("k", "through")  # what a protocol says of how tight a bound is
NONE = "none: "  # what the reason begins with for which a metric has no number
DIGEST, DIGITS = re.compile(r"[0-9a-f]{40,}"), 12  # of a digest, so many tell it from others


def column(rows: Iterable[Row]) -> list[Row]:
    """The rows of one metric that may stand below one another; exact numbers and bounds may, and say so.

    Raises:
        ConfigError: they were measured by different protocols, on different data or numbers of examples.
    """
    measured = [row for row in rows if row.kind != "none"]
    for row in measured:
        first = measured[0]
        if _sort(row) != _sort(first):
            raise ConfigError(
                f"{row.metric} of {row.place.run} and of {first.place.run} do not belong in one column:"
                f" {_difference(first, row)}."
            )
    return measured


def identity(row: Row) -> tuple[object, ...]:
    """What a number shares with those that it may be read against, floors of other sizes included.

    The metric, its unit, what judged, and its protocol; how tight a bound is belongs to the number.
    """
    beside = OF_BOUNDS if row.kind == "bound" else ()
    protocol = {key: value for key, value in row.protocol.items() if key not in beside}
    return row.metric, row.unit, row.place.judged, tuple(sorted(protocol.items()))


def _sort(row: Row) -> tuple[object, ...]:
    """What two numbers of one column share."""
    kind = "exact" if row.kind == "bound" else row.kind
    return *identity(row), kind, row.n, row.n_real


def difference(one: Row, other: Row, names: Sequence[str], most: int) -> str:
    """In what two rows of a metric differ: their protocols, and their attributes of these names.

    Args:
        names: of the rows or of their places.
        most: characters of a value that are shown.
    """
    flat = [{**row.protocol, **{name: _of(row, name) for name in names}} for row in (one, other)]
    keys = [key for key in {**flat[0], **flat[1]} if flat[0].get(key) != flat[1].get(key)]
    said = ((key, *(_shortened(str(own.get(key)), most) for own in flat)) for key in keys)
    return "; ".join(f"{key} is {theirs}, not {ours}" for key, ours, theirs in said)


def _shortened(text: str, most: int) -> str:
    """As much of a text as is shown: of a digest, what tells it from others."""
    return text[: DIGITS if DIGEST.fullmatch(text) else most]


def _of(row: Row, name: str) -> object:
    return getattr(row if hasattr(row, name) else row.place, name)


def _difference(one: Row, other: Row) -> str:
    return difference(one, other, ("kind", "unit", "n", "n_real", "judged"), 60)


@dataclass(frozen=True)
class Panel:
    """A table: `head` names the columns, `cells` are texts, `notes` say how the numbers were made."""

    head: tuple[str, ...]
    cells: list[tuple[str, ...]]
    notes: list[str]

    def markdown(self) -> str:
        lines = [self.head, tuple("---" for _ in self.head), *self.cells]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return table + "\n\n" + "\n".join(f"- {note}" for note in self.notes)

    def _repr_html_(self) -> str:
        """In a notebook; how the numbers were made is folded away below them."""
        head = "".join(f"<th>{_plain(name)}</th>" for name in self.head)
        lines = "".join(
            f"<tr>{''.join(f'<td>{_plain(cell)}</td>' for cell in line)}</tr>" for line in self.cells
        )
        notes = "".join(f"<li>{_plain(note)}</li>" for note in self.notes)
        return (
            f'<div style="overflow-x:auto"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody>'
            f"</table></div><details><summary>how they were measured</summary><ul>{notes}</ul></details>"
        )


class TabledRows(list[Row]):
    """Rows that show themselves in a notebook: one checkpoint's with floors and ceilings, several
    checkpoints' side by side, or below one another where they were measured differently."""

    def __add__(self, others: list[Row]) -> TabledRows:  # type: ignore[override]  # rows are added
        return TabledRows([*self, *others])

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(map(_name, self)))
        alone = [panel([row for row in self if _name(row) == name]) for name in names]
        if len(alone) == 1:
            return alone[0]._repr_html_()
        try:
            return comparison(self)._repr_html_()
        except ConfigError:
            shown = zip(names, alone, strict=True)
            return "".join(f"<p>{_plain(name)}</p>{each._repr_html_()}" for name, each in shown)


def _plain(text: str) -> str:
    """Text as HTML, without what could steer whoever shows it."""
    return html.escape(without_controls(text))


def panel(rows: Sequence[Row]) -> Panel:
    """One checkpoint's numbers: a line a metric, with its floor and its ceiling beside it.

    Raises:
        ConfigError: two numbers of one metric and role.
    """
    head = ("metric", "value [95 %]", "unit", "better", "kind", "n", "floor", "ceiling")
    by_role: dict[str, dict[str, Row]] = {role: {} for role in ROLES}
    for row in rows:
        if row.metric in by_role[row.role]:
            column([by_role[row.role][row.metric], row])
        by_role[row.role][row.metric] = row
    cells = []
    for metric, row in by_role["model"].items():
        beside = [_beside(row, by_role[role].get(metric)) for role in ("floor", "ceiling")]
        kind = bounded(row)
        if row.kind != "none":
            here = "trained" if row.place.trained else "selected" if row.place.selected else ""
            kind += here and f", {here} here"
        cells.append((metric, valued(row), unit(row), row.better, kind, counted(row), *beside))
    return Panel(head, cells, notes(rows))


def comparison(rows: Sequence[Row]) -> Panel:
    """Several checkpoints beside one another: a line a metric, a column a checkpoint.

    Raises:
        ConfigError: numbers of one metric that were measured differently.
    """
    models = [row for row in rows if row.role == "model"]
    names = list(dict.fromkeys(_name(row) for row in models))
    cells = []
    for metric in dict.fromkeys(row.metric for row in models):
        same = [row for row in models if row.metric == metric]
        column(same)
        by_name = {_name(row): row for row in same}
        measured = next((row for row in same if row.kind != "none"), same[0])
        cells.append((f"{metric} {measured.better}".strip(), *(_told(by_name.get(name)) for name in names)))
    return Panel(("metric", *names), cells, notes(models))


def _name(row: Row) -> str:
    return f"{row.place.run}/{row.place.checkpoint}".rstrip("/")


def _told(row: Row | None) -> str:
    """A value, and whether it is a bound on the exact one."""
    return f"≤ {valued(row)}" if row is not None and row.kind == "bound" else valued(row)


def valued(row: Row | None) -> str:
    """A value with its interval, to the digits that the interval leaves meaningful."""
    if row is None:
        return "–"
    if row.value is None:
        return "none"
    if row.low is None or row.high is None:
        return _number(row.value, None)
    value, low, high = (_number(number, row.half_width) for number in (row.value, row.low, row.high))
    return f"{value} [{low}, {high}]"


def _number(value: Number, step: float | None) -> str:
    """With two digits of its uncertainty, else with four of its own."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 1e6:
        return f"{value:.3e}"
    if not step:
        return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"
    digits = min(6, max(0, 1 - math.floor(math.log10(step))))
    return f"{value:,.{digits}f}"


def _beside(row: Row, other: Row | None) -> str:
    """A floor or a ceiling; its number of examples where that is another than the model's."""
    if other is None:
        return "–"
    step = other.half_width or row.half_width
    number = _number(other.value, step) if other.value is not None else "none"
    differs = other.n and (other.n, other.n_real) != (row.n, row.n_real)
    return f"{number} (n {counted(other)})" if differs else number


def unit(row: Row) -> str:
    return "" if row.unit == "1" else row.unit


def bounded(row: Row) -> str:
    """The kind of a number, of a bound with what makes it as tight as it is."""
    if row.kind != "bound":
        return row.kind
    if through := row.protocol.get("through"):
        return f"bound (through {through})"
    return f"bound (k={k})" if (k := row.protocol.get("k")) else "bound"


def counted(row: Row) -> str:
    """Generated (or scored) examples, and the real ones that they were compared with."""
    if not row.n:
        return ""
    return f"{row.n:,}" + (f" / {row.n_real:,}" if row.n_real else "")


def notes(rows: Sequence[Row]) -> list[str]:
    """Why which metrics have no number, and the protocol under a table."""
    models = [row for row in rows if row.role == "model"]
    said: dict[str, None] = dict.fromkeys(_absent(models))
    for row in models:
        place = row.place
        whose = f"step {place.step}, {place.weights} weights, {place.digest[:12]}, seed {place.seed}"
        made = f"{whose}, " if place.checkpoint else ""
        chosen = f" on which {place.selected} selected it," if place.selected else ""
        learnt = " on which it was trained," if place.trained else ""
        judged = f"data {place.judged[:12]}"
        said[f"{_name(row)}: {made}against {place.split},{learnt}{chosen} {judged}"] = None
        if drawn := ", ".join(f"{key}={value}" for key, value in (place.options or {}).items()):
            said[f"{_name(row)}: samples drawn with {drawn}"] = None
    for row in rows:
        if row.note and not (row.role == "model" and row.kind == "none"):
            said[f"{row.metric}: {row.note}"] = None
    groups: dict[str, list[str]] = {}
    for row in models:
        if row.protocol:
            line = ", ".join(f"{key} {value}" for key, value in row.protocol.items())
            groups.setdefault(line, []).append(row.metric)
    for line, metrics in groups.items():
        said[f"{', '.join(dict.fromkeys(metrics))}: {line}"] = None
    intervals: dict[str, list[str]] = {}
    for row in models:
        if row.interval:
            intervals.setdefault(row.interval, []).append(row.metric)
    for of, metrics in intervals.items():
        said[f"95 % interval of {of}: {', '.join(dict.fromkeys(metrics))}"] = None
    return list(said)


def _absent(models: Sequence[Row]) -> list[str]:
    """A line for each reason for which there is no number, with all metrics that it keeps from one."""
    why: dict[str, list[str]] = {}
    for row in models:
        if row.kind == "none" and row.note:
            why.setdefault(row.note.removeprefix(NONE), []).append(row.metric)
    return [f"{', '.join(dict.fromkeys(names))}: {NONE}{reason}" for reason, names in why.items()]
