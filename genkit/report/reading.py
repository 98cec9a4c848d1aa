"""What stands in run folders and study folders, as plain values.  Files are read, nothing else."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genkit import rows as row_files
from genkit import runs, studies
from genkit.core.errors import CheckpointError, ConfigError, GenkitError
from genkit.core.plain import (
    MAX_YAML_BYTES,
    inside,
    parse_yaml,
    read_json,
    read_text,
    read_yaml,
)
from genkit.core.shapes import conform
from genkit.rows import Row
from genkit.studies import DECLARATION, MEMBERS

# What a report takes from a study's declaration, and from a run's findings.
DECLARED = {"name?": str | None, "question?": str | None, "budget?": {str: float}, "primary?": str | None}
FINDINGS = {"findings": [{"severity": str, "code": str, "step": int, "advice?": str | None}]}
Curve = tuple[list[float], list[float]]  # steps, values


@dataclass
class Member:
    """One training as its files tell it.

    Attributes:
        arm, seed: of which arm it is, and which seed it was trained with.
        path: its run folder, which may be gone.
        status: "finished", "failed", "diverged", "killed", "missing" or what its record says.
        reason: why it did not finish; "" where it did.
        rows: of its evaluation, as far as the report takes them: one checkpoint's.
        curves: validation terms along the training.
        samples: the last picture or text that was drawn while training, always from seed 0.
        pairs: the picture of its nearest training examples.
        findings: what was found wrong with its training, a line each.
    """

    arm: str
    seed: int
    path: Path
    status: str
    reason: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    config: str = ""
    rows: list[Row] = field(default_factory=list)
    curves: dict[str, Curve] = field(default_factory=dict)
    samples: Path | None = None
    pairs: Path | None = None
    findings: list[str] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        return self.status == "finished"


def is_study(folder: Path) -> bool:
    return (folder / DECLARATION).is_file() and (folder / MEMBERS).is_file()


def read_study(folder: Path) -> tuple[dict[str, Any], list[Member]]:
    """The frozen declaration of a study, and its members in their order, without trials of a search.

    Raises:
        ConfigError: the folder is no study's, or is damaged.
        CheckpointError: it holds links, pipes or devices.
    """
    if not is_study(folder):
        raise ConfigError(f"{folder} is no study: it lacks {DECLARATION} or {MEMBERS}; give study=FOLDER.")
    studies.check_plain(folder)
    try:
        declared = read_yaml(folder / DECLARATION, DECLARED)
        listed = studies.read_members(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} holds a damaged study: {error}; restore it from a copy.") from None
    members = [
        read_member(inside(folder, m.name), m.arm, m.seed, studies.read_outcome(folder, m.number))
        for m in listed
        if m.trial is None  # what was tried is no result; see `search`
    ]
    return declared, members


def search(folder: Path) -> dict[str, Any]:
    """What was tried for each arm before its seeds ran, and the best of it; empty without a search."""
    found = studies.read_found(folder)
    return {arm: {"best": found[arm]["best"], "trials": list(found[arm]["trials"])} for arm in found}


def read_runs(paths: Sequence[Path]) -> list[Member]:
    """Runs that no study holds together: those that differ in their seed alone are one arm.

    A second run of one configuration and one seed is an arm of its own.

    Raises:
        ConfigError: one run is given twice.
        CheckpointError: a configuration cannot be read.
    """
    arms: dict[str, str] = {}
    members: list[Member] = []
    for path in paths:
        if any(path.samefile(member.path) for member in members):
            raise ConfigError(f"run={path} is given twice; give it once.")
        member = read_member(path, path.name, 0, {})
        try:
            plain = conform(parse_yaml(member.config), {"seed?": int}) if member.config else {}
        except ValueError as error:
            raise CheckpointError(f"{path / runs.CONFIG} cannot be read: {str(error)[:150]}") from None
        member.seed = plain.pop("seed", 0)
        plain.pop("name", None)
        arm = arms.setdefault(json.dumps(plain, sort_keys=True), path.name)
        repeats = any((other.arm, other.seed) == (arm, member.seed) for other in members)
        member.arm = path.name if repeats else arm
        members.append(member)
    return members


def read_member(path: Path, arm: str, seed: int, ended: dict[str, Any]) -> Member:
    """One run folder, whatever is left of it."""
    status, reason = str(ended.get("status", "")), str(ended.get("reason", ""))
    if not (path / runs.CONFIG).is_file():
        if status in ("", "finished"):
            reason = "its folder was deleted" if status else "it has not run yet"
            status = "missing"
        return Member(arm, seed, path, status, reason)
    try:
        record, found = runs.read(path), _rows(path / row_files.FILE)
        written = read_text(path / runs.CONFIG, MAX_YAML_BYTES)
    except (GenkitError, OSError, ValueError) as error:
        return Member(arm, seed, path, "failed", str(error))
    status = status or str(record.get("status", "unknown"))
    reason = reason or ("" if status == "finished" else str(record.get("reason", "")))
    return Member(
        arm,
        seed,
        path,
        status,
        reason,
        record,
        written,
        found,
        _curves(path / "metrics.csv"),
        _latest(path / "samples"),
        next(iter(sorted(path.glob("evaluation/*/*.png"))), None),
        _findings(path / "findings.json"),
    )


def _findings(path: Path) -> list[str]:
    """What `findings.json` says, a line each; a damaged file says nothing."""
    try:
        found = read_json(path, FINDINGS)["findings"]
    except (OSError, ValueError):
        return []
    return [f"{f['severity']}: {f['code']} at step {f['step']}. {f.get('advice') or ''}" for f in found]


def _rows(path: Path) -> list[Row]:
    """The rows of the checkpoint that a report speaks of: the one that validation chose, else the last.

    Where a run was evaluated several times, the later rows count.
    """
    if not path.is_file():
        return []
    found = row_files.read(path)
    chosen = next(
        (name for name in ("best", "last") if any(name in _names(row) for row in found)),
        found[-1].get("checkpoint", "") if found else "",
    )
    newest: dict[tuple[str, str, str], Row] = {}
    for row in found:
        if chosen in _names(row) or row.get("checkpoint") == chosen:
            newest[row["metric"], row.get("role", "model"), str(row.get("fingerprint", ""))] = row
    return list(newest.values())


def _names(row: Row) -> list[str]:
    return str(row.get("checkpoint", "")).split(",")


def _curves(path: Path) -> dict[str, Curve]:
    """Each validation term of `metrics.csv`; what is no finite number is left out."""
    found: dict[str, Curve] = {}
    try:
        text = read_text(path, runs.MAX_HISTORY_BYTES)
        for row in csv.DictReader(io.StringIO(text, newline="")):
            for name, said in row.items():
                if name and name.startswith("val/") and said:
                    step, value = float(row["step"]), float(said)
                    if math.isfinite(value) and math.isfinite(step):
                        steps, values = found.setdefault(name, ([], []))
                        steps.append(step)
                        values.append(value)
    except (OSError, ValueError, LookupError, TypeError, csv.Error):
        return {}  # (none, or a damaged one, draws no curve)
    return found


def _latest(folder: Path) -> Path | None:
    """Samples of the last step at which some were drawn."""
    named = [
        (path, re.fullmatch(r"step-(\d{1,18})\.(png|txt)", path.name, re.ASCII))
        for path in folder.glob("step-*")
    ]
    drawn = [(int(match[1]), path) for path, match in named if match]
    return max(drawn, default=(0, None))[1]
