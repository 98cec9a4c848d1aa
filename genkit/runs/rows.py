"""Rows: one measured number a line of JSON, and the panel that sets them side by side.  No torch here.

A row is a `Measure` with where it was measured: run, checkpoint and its digest, weights, seed, split, the
fingerprint of the data, and its role: the model, the floor (real examples against real ones) or the ceiling
(noise).  A model without a number of some kind has a row too, with the value null, the kind "none" and the
reason as its note.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.core.identity import migrated
from genkit.system import storage
from genkit.system.errors import ConfigError
from genkit.system.plain import parse_json, read_bytes, read_text
from genkit.system.schemas import Optional, conform

ROLES = ("model", "floor", "ceiling")
FILE = "evaluation.jsonl"
Row = dict[str, Any]
MAX_BYTES, MAX_ROWS = 64_000_000, 100_000  # of a file of rows; an evaluation has about a hundred of 700 bytes
MAX_ROW_BYTES = 1_000_000
SHAPE = {
    "metric": str,
    **{f"{key}?": float | None for key in ("value", "low", "high", "n", "n_real", "step", "seed")},
    **{f"{key}?": str for key in ("unit", "direction", "kind", "interval", "fingerprint", "note", "role")},
    **{f"{key}?": str for key in ("run", "checkpoint", "weights", "digest", "split", "data", "judged")},
    **{"arm?": str, "training_seed?": int, "status?": str, "trial?": int, "protocol?": {str: Any}},
    **{"options?": Optional({str: Any}), "selected?": str, "trained?": bool},
}


@dataclass(frozen=True)
class Place:
    """Where a number was measured.

    Attributes:
        data: the fingerprint of the dataset as the model reads it.
        judged: a digest of the split itself, the same for models that read pictures and for those that read
            their pixels one by one.
        options: of sampling, each with its value; None where nothing was drawn by genkit.
        selected: the term that chose this checkpoint on the very examples that judge it; "" where none did.
        trained: whether the examples that judge are those that it was trained on.
    """

    run: str
    checkpoint: str
    step: int
    weights: str
    digest: str
    seed: int
    split: str
    data: str
    judged: str
    role: str = "model"
    options: Mapping[str, Any] | None = None
    selected: str = ""
    trained: bool = False


def missing(metric: str, unit: str, note: str) -> Row:
    """What stands for a number that a model cannot have, to be joined with a place."""
    empty = {"value": None, "low": None, "high": None, "n": 0, "n_real": None, "interval": ""}
    none = {"kind": "none", "direction": "none", "protocol": {}, "fingerprint": ""}
    return {"metric": metric, "unit": unit, "note": note, **empty, **none}


def write(path: Path, rows: Sequence[Mapping[str, Any]], *, append: bool) -> None:
    """Write rows so that a reader finds the old file or the whole new one.

    What several processes append at once is all in it.

    Raises:
        StorageError: the folder cannot be written.
    """
    lines = "".join(json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows)
    storage.make_folder(path.parent)
    with storage.one_at_a_time(path.parent):  # several processes may evaluate one run
        before = b""
        try:
            if append and path.is_file():
                before = read_bytes(path, MAX_BYTES, follow=True)
        except (OSError, ValueError) as error:
            raise storage.refusal(path, error, "Give another folder.") from None
        storage.write_bytes(path, before + lines.encode())


def read(path: Path) -> list[Row]:
    """The rows of a file, those of earlier versions under the names of this one.

    Raises:
        ConfigError: it cannot be read, or is no file of rows.
    """
    try:
        rows = [conform(parse_json(line), SHAPE) for line in _lines(path)]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} holds no rows: {error}.") from None
    return [migrated(_plain(row)) for row in rows]  # (NaN is no JSON, and Python reads it)


def _lines(path: Path) -> list[str]:
    """The lines of a file of rows that are not empty.

    Raises:
        OSError, ValueError: it cannot be read, or has more than any evaluation writes.
    """
    text = read_text(path, MAX_BYTES, follow=True)
    if text.count("\n") > MAX_ROWS:
        raise ValueError(f"more than {MAX_ROWS:,} lines")
    lines = [line for line in text.split("\n") if line.strip()]
    if max(map(len, lines), default=0) > MAX_ROW_BYTES:
        raise ValueError(f"a line of more than {MAX_ROW_BYTES:,} bytes")
    return lines


def _plain(row: Mapping[str, Any]) -> Row:
    """JSON has no infinity: what is not finite is null."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


# ---------------------------------------------------------------------- panels


def column(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of one metric that may stand below one another; exact numbers and bounds may, and say so.

    Raises:
        ConfigError: they were measured by different protocols, on different data or numbers of examples.
    """
    rows = [row for row in rows if row["kind"] != "none"]
    first = next(iter(rows), None)
    for row in rows:
        assert first is not None
        if _sort(row) != _sort(first):
            raise ConfigError(
                f"{row['metric']} of {row['run']} and of {first['run']} do not belong in one column:"
                f" {_difference(first, row)}."
            )
    return rows


def identity(row: Mapping[str, Any]) -> tuple[object, ...]:
    """What a number shares with those that it may be read against, floors of other sizes included.

    The metric, its unit, what judged, and its protocol; how tight a bound is belongs to the number.
    """
    bounded = row["kind"] == "bound"
    protocol = {key: value for key, value in row["protocol"].items() if not (bounded and key == "k")}
    return row["metric"], row["unit"], row["judged"], tuple(sorted(protocol.items()))


def _sort(row: Mapping[str, Any]) -> tuple[object, ...]:
    """What two numbers of one column share."""
    kind = "exact" if row["kind"] == "bound" else row["kind"]
    return *identity(row), kind, row["n"], row["n_real"]


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    flat = [
        {**row["protocol"], **{key: row[key] for key in ("kind", "unit", "n", "n_real", "judged")}}
        for row in (one, other)
    ]
    keys = [key for key in {**flat[0], **flat[1]} if flat[0].get(key) != flat[1].get(key)]
    return "; ".join(f"{key} is {_short(flat[1].get(key))}, not {_short(flat[0].get(key))}" for key in keys)


def _short(value: object) -> str:
    return str(value)[:60]


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


def panel(rows: Sequence[Mapping[str, Any]]) -> Panel:
    """One checkpoint's numbers: a line a metric, with its floor and its ceiling beside it.

    Raises:
        ConfigError: two numbers of one metric and role.
    """
    head = ("metric", "value [95 %]", "unit", "better", "kind", "n", "floor", "ceiling")
    by_role: dict[str, dict[str, Mapping[str, Any]]] = {role: {} for role in ROLES}
    for row in rows:
        if row["metric"] in by_role[row["role"]]:
            column([by_role[row["role"]][row["metric"]], row])
        by_role[row["role"]][row["metric"]] = row
    cells = []
    for metric, row in by_role["model"].items():
        beside = [_beside(row, by_role[role].get(metric)) for role in ("floor", "ceiling")]
        better = {"lower": "↓", "higher": "↑"}.get(row["direction"], "")
        kind = row["kind"] + (f" (k={row['protocol']['k']})" if row["kind"] == "bound" else "")
        if row["kind"] != "none":
            here = "trained" if row.get("trained") else "selected" if row.get("selected") else ""
            kind += here and f", {here} here"
        cells.append((metric, valued(row), unit(row), better, kind, counted(row), *beside))
    return Panel(head, cells, notes(rows))


def comparison(rows: Sequence[Mapping[str, Any]]) -> Panel:
    """Several checkpoints beside one another: a line a metric, a column a checkpoint.

    Raises:
        ConfigError: numbers of one metric that were measured differently.
    """
    models = [row for row in rows if row["role"] == "model"]
    names = list(dict.fromkeys(_name(row) for row in models))
    cells = []
    for metric in dict.fromkeys(row["metric"] for row in models):
        same = [row for row in models if row["metric"] == metric]
        column(same)
        by_name = {_name(row): row for row in same}
        measured = next((row for row in same if row["kind"] != "none"), same[0])
        better = {"lower": "↓", "higher": "↑"}.get(measured["direction"], "")
        cells.append((f"{metric} {better}".strip(), *(_told(by_name.get(name)) for name in names)))
    return Panel(("metric", *names), cells, notes(models))


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['run']}/{row['checkpoint']}".rstrip("/")


def _told(row: Mapping[str, Any] | None) -> str:
    """A value, and whether it is a bound on the exact one."""
    return f"≤ {valued(row)}" if row is not None and row["kind"] == "bound" else valued(row)


def valued(row: Mapping[str, Any] | None) -> str:
    """A value with its interval, to the digits that the interval leaves meaningful."""
    if row is None:
        return "–"
    if row["value"] is None:
        return "none"
    if row["low"] is None or row["high"] is None:
        return _number(row["value"], None)
    step = (row["high"] - row["low"]) / 2
    shown = [_number(row[key], step) for key in ("value", "low", "high")]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _number(value: float, step: float | None) -> str:
    """With two digits of its uncertainty, else with four of its own."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 1e6:
        return f"{value:.3e}"
    if not step:
        return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"
    digits = min(6, max(0, 1 - math.floor(math.log10(step))))
    return f"{value:,.{digits}f}"


def _beside(row: Mapping[str, Any], other: Mapping[str, Any] | None) -> str:
    """A floor or a ceiling; its number of examples where that is another than the model's."""
    if other is None:
        return "–"
    number = _number(other["value"], _spread(other) or _spread(row)) if other["value"] is not None else "none"
    differs = other["n"] and (other["n"], other["n_real"]) != (row["n"], row["n_real"])
    return f"{number} (n {counted(other)})" if differs else number


def _spread(row: Mapping[str, Any]) -> float | None:
    if row["low"] is None or row["high"] is None:
        return None
    return (row["high"] - row["low"]) / 2


def unit(row: Mapping[str, Any]) -> str:
    return "" if row["unit"] == "1" else str(row["unit"])


def counted(row: Mapping[str, Any]) -> str:
    """Generated (or scored) examples, and the real ones that they were compared with."""
    if not row["n"]:
        return ""
    return f"{row['n']:,}" + (f" / {row['n_real']:,}" if row["n_real"] else "")


def notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The protocol under a table."""
    said: dict[str, None] = {}
    for row in rows:
        if row["role"] == "model":
            whose = f"step {row['step']}, {row['weights']} weights, {row['digest'][:12]}, seed {row['seed']}"
            made = f"{whose}, " if row["checkpoint"] else ""
            chosen = f" on which {row['selected']} selected it," if row.get("selected") else ""
            learnt = " on which it was trained," if row.get("trained") else ""
            said[f"{_name(row)}: {made}against {row['split']},{learnt}{chosen} data {row['judged'][:12]}"] = (
                None
            )
            if drawn := ", ".join(f"{key}={value}" for key, value in (row.get("options") or {}).items()):
                said[f"{_name(row)}: samples drawn with {drawn}"] = None
    for row in rows:
        if row.get("note"):
            said[f"{row['metric']}: {row['note']}"] = None
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row["role"] == "model" and row["protocol"]:
            line = ", ".join(f"{key} {value}" for key, value in row["protocol"].items())
            groups.setdefault(line, []).append(row["metric"])
    for line, metrics in groups.items():
        said[f"{', '.join(dict.fromkeys(metrics))}: {line}"] = None
    intervals: dict[str, list[str]] = {}
    for row in rows:
        if row["role"] == "model" and row["interval"]:
            intervals.setdefault(row["interval"], []).append(row["metric"])
    for of, metrics in intervals.items():
        said[f"95 % interval of {of}: {', '.join(dict.fromkeys(metrics))}"] = None
    return list(said)
