"""Rows: one measured number a line of JSON, with where it was measured.  No torch here.

A row is a `Measure` (see `genkit.metrics.measure`) and a place: run, checkpoint and its digest, weights,
seed, split, the fingerprint of the data, and its role: the model, the floor (real examples against real ones)
or the ceiling (noise).  A model without a number of some kind has a row too, with the value null, the kind
"none" and the reason as its note.

Files of every version are read.  What an earlier one did not write is left out again when its row is written
anew, and what a later one has added is kept and written as it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from genkit.core.identity import fingerprint, named
from genkit.system import storage
from genkit.system.errors import ConfigError
from genkit.system.plain import parse_json, read_bytes, read_text
from genkit.system.schemas import Number, typed

ROLES = ("model", "floor", "ceiling")
FILE = "evaluation.jsonl"
OWN = "real="  # what the split of a number begins with that pictures of the user's own judged
MAX_BYTES, MAX_ROWS = 64_000_000, 100_000  # of a file of rows; an evaluation has about a hundred of 700 bytes
MAX_ROW_BYTES = 1_000_000
Protocol = Mapping[str, Any]  # plain values, of whatever version


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

    run: str = ""
    checkpoint: str = ""
    step: int | None = None
    weights: str = ""
    digest: str = ""
    seed: int | None = None
    split: str = ""
    data: str = ""
    judged: str = ""
    role: str = "model"
    options: Mapping[str, Any] | None = None
    selected: str = ""
    trained: bool = False

    @property
    def own(self) -> str:
        """The pictures of the user's own that judged a number; "" where a part of the run's data did."""
        return self.split if self.split.startswith(OWN) else ""

    @property
    def checkpoints(self) -> list[str]:
        """The names under which the checkpoint was asked for."""
        return self.checkpoint.split(",")


@dataclass(frozen=True)
class OfStudy:
    """Which training of a study a row of its table is of, and how that ended.

    Attributes:
        trial: its place among the trials of its arm's search; None: it is one of the study's own runs.
    """

    arm: str
    training_seed: int = 0
    status: str = ""
    trial: int | None = None


@dataclass(frozen=True)
class Row:
    """One number with its place, or the reason why there is none.

    Attributes:
        value: the number; None where there is none, and `note` says why.
        metric, unit, direction, kind, n, n_real, low, high, interval, protocol: as in `Measure`; the kind of
            what has no number is "none".
        note: what is to be said of the number.
        fingerprint: see `Measure.fingerprint`.
        study: in the table of a study, whose number it is.
        more: what a later version has written beside.
        unsaid: keys that the row of an earlier version lacks.
    """

    metric: str
    value: Number | None = None
    unit: str = "1"
    direction: str = "none"
    kind: str = ""
    n: int | None = 0
    n_real: int | None = None
    low: Number | None = None
    high: Number | None = None
    interval: str = ""
    protocol: Protocol = field(default_factory=dict)
    note: str = ""
    fingerprint: str = ""
    place: Place = Place()
    study: OfStudy | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    unsaid: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    @property
    def role(self) -> str:
        return self.place.role

    @property
    def half_width(self) -> float | None:
        """Of the interval; None where there is none."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def better(self) -> str:
        """An arrow in the better direction."""
        return {"lower": "↓", "higher": "↑"}.get(self.direction, "")


NESTED = ("place", "study", "more", "unsaid")
KEYS = tuple(f.name for f in fields(Row) if f.name not in NESTED)
PLACES = tuple(f.name for f in fields(Place))
STUDIES = tuple(f.name for f in fields(OfStudy))


def missing(metric: str, unit: str, note: str, place: Place | None = None) -> Row:
    """What stands for a number that a model cannot have."""
    return Row(metric, unit=unit, kind="none", note=note, place=place or Place())


# ---------------------------------------------------------------------- JSON


def to_plain(row: Row) -> dict[str, object]:
    """A row as its line of JSON has it, which has no infinity: what is not finite is null."""
    made = {**row.more}
    if row.study is not None:
        made |= {key: getattr(row.study, key) for key in STUDIES}
        if row.study.trial is None:
            del made["trial"]
    made |= {key: getattr(row, key) for key in KEYS} | {key: getattr(row.place, key) for key in PLACES}
    made["protocol"] = dict(row.protocol)
    return {key: _finite(value) for key, value in made.items() if key not in row.unsaid}


def from_plain(plain: Mapping[str, object]) -> Row:
    """A row of any version under the names of this one.

    Raises:
        ValueError: it is none; the first value that is of another kind is named.
    """
    said = _migrated({key: _finite(value) for key, value in plain.items()})
    row = typed({key: said[key] for key in KEYS if key in said}, Row)
    known = (*KEYS, *PLACES, *STUDIES)
    return replace(
        row,
        place=typed({key: said[key] for key in PLACES if key in said}, Place),
        study=typed({key: said[key] for key in STUDIES if key in said}, OfStudy) if "arm" in said else None,
        more={key: value for key, value in said.items() if key not in known},
        unsaid=frozenset(key for key in (*KEYS, *PLACES) if key not in said),
    )


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _migrated(row: Mapping[str, Any]) -> Mapping[str, object]:
    """A plain row as this version would name it; one of this version is unchanged.

    Earlier versions called a distance of any features by Inception's name, gave nearness to the training
    examples a direction, and likelihoods of texts intervals that held in 30 to 60 % of cases: those go.
    """
    metric, protocol = row.get("metric"), row.get("protocol")
    if not isinstance(metric, str) or not isinstance(protocol, dict | None):
        return row
    made, protocol = dict(row), protocol or {}
    extractor = protocol.get("extractor")
    if metric in ONCE_INCEPTIONS and extractor is not None:
        made["metric"] = named(metric, extractor)
    if "stretches" in protocol:
        made["protocol"] = protocol = {key: value for key, value in protocol.items() if key != "stretches"}
        made |= {"low": None, "high": None, "interval": ""}
    if made != row and row.get("fingerprint"):
        made["fingerprint"] = fingerprint(made["metric"], row.get("n") or 0, row.get("n_real"), protocol)
    if metric in ONCE_DIRECTED and "direction" in row:
        made["direction"] = "none"
    return made


# What had one name for all features, and what had a direction: a collapsed model and white noise are both far
# away from the training examples.
ONCE_INCEPTIONS = ("fid_infinity", "fid", "kid", "inception_score")
ONCE_DIRECTED = ("memorised_share", "memorisation")


# ---------------------------------------------------------------------- files


def write(path: Path, rows: Iterable[Row], *, append: bool) -> None:
    """Write rows so that a reader finds the old file or the whole new one.

    What several processes append at once is all in it.

    Raises:
        StorageError: the folder cannot be written.
    """
    lines = "".join(json.dumps(to_plain(row), ensure_ascii=False) + "\n" for row in rows)
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
        return [from_plain(typed(parse_json(line), dict[str, Any])) for line in _lines(path)]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} holds no rows: {error}.") from None


def of_chosen(path: Path) -> list[Row]:
    """The rows of the checkpoint that a report speaks of: the one that validation chose, else the last.

    Where a run was evaluated several times, the later rows count; without a file there are none.

    Raises:
        ConfigError: it cannot be read, or is no file of rows.
    """
    if not path.is_file():
        return []
    found = read(path)
    chosen = next(
        (name for name in ("best", "last") if any(name in row.place.checkpoints for row in found)),
        found[-1].place.checkpoint if found else "",
    )
    newest: dict[tuple[str, ...], Row] = {}
    for row in found:
        place = row.place
        if chosen in place.checkpoints or place.checkpoint == chosen:
            newest[row.metric, place.role, row.fingerprint, place.split, place.judged] = row
    return list(newest.values())


def step_of(rows: Iterable[Row]) -> int | None:
    """The step of the checkpoint that rows are of; None: they name none."""
    return next((row.place.step for row in rows if row.place.step is not None), None)


def _lines(path: Path) -> Sequence[str]:
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
