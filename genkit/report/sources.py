"""What stands in run folders and study folders, as plain values.  Files are read, nothing else."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genkit import runs
from genkit.runs import Record, studies
from genkit.runs import rows as row_files
from genkit.runs.judgement import judged
from genkit.runs.rows import Row
from genkit.runs.studies import DECLARATION, MEMBERS, Outcome, Searched
from genkit.system import storage
from genkit.system.errors import CheckpointError, ConfigError, GenkitError, Locked, StorageError
from genkit.system.plain import MAX_YAML_BYTES, inside, parse_yaml, read_text, read_yaml
from genkit.system.schemas import Number, conform, typed

OF_THE_MACHINE = (StorageError.exit_code, Locked.exit_code)
Curve = tuple[list[float], list[float]]  # steps, values

RUNNING = Outcome()
DAMAGED = "damaged"  # the status of a run whose files cannot be read
LARGEST = 1e30  # of a curve's numbers: what is larger no axis can show


@dataclass
class Member:
    """One training as its files tell it.

    Attributes:
        arm, seed: of which arm it is, and which seed it was trained with.
        path: its run folder, which may be gone.
        status: "finished", "failed", "diverged", "killed", "missing" or what its record says.
        reason: why it did not finish; "" where it did.
        ended: whether it has run, with whatever end.
        code: the exit code that it ended with.
        rows: of its evaluation, as far as the report takes them: one checkpoint's.
        curves: validation terms along the training.
        samples: the picture or text that its checkpoint drew while training, always from seed 0.
        pairs: the picture of its checkpoint's nearest training examples.
        real: real examples of the part that judged it.
        findings: what was found wrong with its training, a line each.
        worthless: the finding by which the numbers of its checkpoint are worth nothing; "" without one.
    """

    arm: str
    seed: int
    path: Path
    status: str
    reason: str = ""
    record: Record = field(default_factory=Record)
    config: str = ""
    rows: list[Row] = field(default_factory=list)
    curves: dict[str, Curve] = field(default_factory=dict)
    samples: Path | None = None
    pairs: Path | None = None
    real: Path | None = None
    findings: list[str] = field(default_factory=list)
    worthless: str = ""
    ended: bool = True
    code: int = 0

    @property
    def step(self) -> int | None:
        """Of the checkpoint whose numbers are taken; None without numbers."""
        return row_files.step_of(self.rows)

    @property
    def finished(self) -> bool:
        return self.status == "finished"

    @property
    def failed(self) -> bool:
        """Whether its training is a result, and the worst: a full disk or a lock is none."""
        lost = self.status in ("failed", "diverged", "killed") and self.code not in OF_THE_MACHINE
        return lost or (self.finished and bool(self.worthless))


@dataclass(frozen=True)
class Looks:
    """How often the results of a study may decide while seeds are added.

    Attributes:
        declared: looks that were planned; each has an equal share of the 5 %.
        before: the seeds of each look before this one.
    """

    declared: int = 1
    before: tuple[tuple[int, ...], ...] = ()

    @property
    def deciding(self) -> tuple[int, ...] | None:
        """The seeds that decide where there were more looks than declared; None: all."""
        return self.before[self.declared - 1] if len(self.before) >= self.declared else None


@dataclass(frozen=True)
class Declared:
    """What a report takes from a study's declaration; nothing for runs that no study holds together."""

    name: str | None = None
    question: str | None = None
    budget: Mapping[str, Number] = field(default_factory=dict)
    primary: str | None = None
    looks: int = 1
    equivalence_margin: float | None = None


@dataclass(frozen=True)
class Tried:
    """The search of an arm, and the seconds of each whole trial; None where nobody knows."""

    searched: Searched
    seconds: tuple[Number | None, ...]


@dataclass(frozen=True)
class Told:
    """All that a report is made of.

    Attributes:
        search: of each arm that was searched before its seeds ran.
    """

    declared: Declared
    members: list[Member]
    looks: Looks = Looks()
    search: Mapping[str, Tried] = field(default_factory=dict)

    @property
    def damaged(self) -> list[Member]:
        """Runs whose files cannot be read."""
        return [member for member in self.members if member.status == DAMAGED]


def read(source: Path | Sequence[Path]) -> Told:
    """What a study's folder, or run folders, tell.

    Raises:
        ConfigError: no study, a damaged one, or no run.
        CheckpointError: a folder holds links, pipes or devices.
    """
    if isinstance(source, Path):
        declared, members = read_study(source)
        margin = declared.equivalence_margin
        if margin is not None and not 0 < margin < math.inf:
            raise ConfigError(
                f"{source} says equivalence_margin {margin:g}: it is no number above 0; mend study.yaml."
            )
        told = Told(declared, members, looks(source, declared), search(source))
    else:
        told = Told(Declared(), read_runs(source))
    if not told.members:
        raise ConfigError("there is nothing to report: give study=NAME, or run=RUN.")
    return told


def is_study(folder: Path) -> bool:
    return (folder / DECLARATION).is_file() and (folder / MEMBERS).is_file()


def read_study(folder: Path) -> tuple[Declared, list[Member]]:
    """The frozen declaration of a study, and its members in their order, without trials of a search.

    Raises:
        ConfigError: the folder is no study's, or is damaged.
        CheckpointError: it holds links, pipes or devices.
    """
    if not is_study(folder):
        raise ConfigError(f"{folder} is no study: it lacks {DECLARATION} or {MEMBERS}; give study=FOLDER.")
    studies.check_plain(folder)
    try:
        declared = typed(read_yaml(folder / DECLARATION, {}), Declared)
        listed = studies.read_members(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} holds a damaged study: {error}; restore it from a copy.") from None
    members = [
        _read_ended(inside(folder, m.name), m, studies.read_outcome(folder, m.number))
        for m in listed
        if m.trial is None  # what was tried is no result; see `search`
    ]
    return declared, members


def _read_ended(path: Path, m: studies.Planned, ended: Outcome) -> Member:
    """A member of a study, and whether it has ended."""
    member = read_member(path, m.arm, m.seed, ended)
    member.ended, member.code = ended.ended, ended.code
    return member


def looks(folder: Path, declared: Declared) -> Looks:
    """How often a study's results may decide, and the seeds of the looks that there were.

    Raises:
        ConfigError: what says so is damaged.
    """
    try:
        return Looks(max(1, declared.looks), studies.read_looks(folder))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / studies.LOOKS} is damaged: {error}; restore it from a copy.") from None


def search(folder: Path) -> dict[str, Tried]:
    """What was tried for each arm before its seeds ran, the best of it, and the seconds of each trial."""
    found = studies.read_found(folder)
    seconds: dict[str, list[Number | None]] = {arm: [] for arm in found}
    for m in studies.read_members(folder):
        if m.trial is not None and m.arm in seconds:
            seconds[m.arm].append(studies.read_outcome(folder, m.number).seconds)
    return {arm: Tried(found[arm], tuple(seconds[arm])) for arm in found}


def read_runs(paths: Sequence[Path]) -> list[Member]:
    """Runs that no study holds together: those that differ in their seed alone are one arm.

    A second run of one configuration and one seed is an arm of its own.

    Raises:
        ConfigError: one run is given twice.
        CheckpointError: a configuration cannot be read, or a folder holds links, pipes or devices.
    """
    arms: dict[str, str] = {}
    members: list[Member] = []
    for path in paths:
        if any(path.samefile(member.path) for member in members):
            raise ConfigError(f"run={path} is given twice; give it once.")
        runs.check_plain(path)
        member = read_member(path, path.name, 0)
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


def read_member(path: Path, arm: str, seed: int, ended: Outcome = RUNNING) -> Member:
    """One run folder, whatever is left of it."""
    status, reason = ended.status, ended.reason
    if not (path / runs.CONFIG).is_file():
        if status in ("", "finished"):
            reason = "its folder was deleted" if status else "it has not run yet"
            status = "missing"
        return Member(arm, seed, path, status, reason)
    try:
        record, found = runs.read(path), row_files.of_chosen(path / row_files.FILE)
        written = read_text(path / runs.CONFIG, MAX_YAML_BYTES)
    except GenkitError as error:
        return Member(arm, seed, path, DAMAGED, str(error))
    except (OSError, ValueError) as error:
        said = f"{path / runs.CONFIG} cannot be read: {storage.reason(error)}."
        return Member(arm, seed, path, DAMAGED, said)
    status = status or record.status or "unknown"
    reason = reason or ("" if status == "finished" else record.reason or "")
    member = Member(arm, seed, path, status, reason, record, written, found, _curves(path / "metrics.csv"))
    member.samples = _drawn(path / "samples", member.step)
    measured = path / "evaluation" / f"step-{member.step}"
    member.pairs = next((file for file in (measured / "nearest.png",) if file.is_file()), None)
    member.real = next((f for f in (measured / "real.png", measured / "real.txt") if f.is_file()), None)
    found_wrong = judged(path, member.step)
    member.findings, member.worthless = list(found_wrong.lines), found_wrong.worthless
    return member


def _curves(path: Path) -> dict[str, Curve]:
    """Each validation term of `metrics.csv`; what is no finite number is left out."""
    found: dict[str, Curve] = {}
    try:
        for row in csv.DictReader(iter(runs.history(path).split("\n"))):
            for name, said in row.items():
                if name and name.startswith("val/") and said:
                    step, value = float(row["step"]), float(said)
                    if max(abs(value), abs(step)) < LARGEST:  # (not where either is no number)
                        steps, values = found.setdefault(name, ([], []))
                        steps.append(step)
                        values.append(value)
    except (OSError, ValueError, LookupError, TypeError, csv.Error):
        return {}  # (none, or a damaged one, draws no curve)
    return found


def _drawn(folder: Path, step: int | None) -> Path | None:
    """Samples of the checkpoint at a step, or the nearest to it; of the last step where that is None."""
    named = [
        (path, re.fullmatch(r"step-(\d{1,18})\.(png|txt)", path.name, re.ASCII))
        for path in folder.glob("step-*")
    ]
    drawn = [(int(match[1]), path) for path, match in named if match]
    if step is None:
        return max(drawn, default=(0, None))[1]
    return min(drawn, key=lambda found: (abs(found[0] - step), found[1]), default=(0, None))[1]
