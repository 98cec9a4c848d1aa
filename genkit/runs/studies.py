"""What a study's folder holds beside its configurations: members, how they ended, what was found by a search.
Nothing here imports torch or Hydra.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from genkit import runs
from genkit.system.errors import CheckpointError, ConfigError
from genkit.system.plain import find_links, inside, read_json
from genkit.system.schemas import Number, typed

DECLARATION, MEMBERS, CONFIGS, OUTCOMES = "study.yaml", "members.json", "members", "outcomes"
ARMS, SEARCH, TABLE, REPORT, LOOKS = "arms", "search.json", "rows.jsonl", "report", "looks.json"
CODECS = "codecs"
# What a study's folder has beside its runs; no run may have such a name.
OWN = (DECLARATION, MEMBERS, CONFIGS, OUTCOMES, ARMS, SEARCH, TABLE, REPORT, LOOKS, CODECS)
FACTORIAL = "factorial.yaml"  # what a factorial study is, beside their folders
LISTED = [{"number": int, "arm": str, "seed": int, "name": str, "trial?": int | None}]


@dataclass(frozen=True)
class Planned:
    """One member.

    Attributes:
        trial: its place among the trials of its arm's search; None: it is one of the study's own runs.
    """

    number: int
    arm: str
    seed: int
    name: str
    trial: int | None = None

    def to_dict(self) -> dict[str, object]:
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Outcome:
    """How a member ended.

    Attributes:
        status: "finished", "failed", "diverged" or "killed"; "" while it has not ended.
        reason, code: why it did not finish, and the exit code of its process.
        seconds: of the whole member, start and evaluation included; None where nobody knows.
    """

    status: str = ""
    reason: str = ""
    code: int = 0
    seconds: Number | None = None

    @property
    def ended(self) -> bool:
        return bool(self.status)

    @property
    def finished(self) -> bool:
        return self.status == "finished"

    def to_dict(self) -> dict[str, object]:
        said = {"status": self.status, "reason": self.reason, "code": self.code}
        return {**{key: value for key, value in said.items() if value}, "seconds": self.seconds}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one trial of a search was asked, and what it gave.

    Attributes:
        values: of the knobs, by their dotted names.
        value: of the primary metric; None where it gave none.
        direction: in which that is better.
    """

    run: str = ""
    values: Mapping[str, Any]
    value: Number | None
    direction: str = "lower"


@dataclass(frozen=True)
class Searched:
    """The search of an arm: the best trial, None where none gave a number, and all."""

    best: Trial | None
    trials: tuple[Trial, ...]


def cell_name(block: str, amount: float) -> str:
    """The folder of the study of a factorial study's block under a budget: `digits-1e+11`."""
    return f"{block}-{amount:g}"


def check_plain(folder: Path) -> None:
    """See that a study's folder, its runs included, holds plain files and folders alone.

    Raises:
        CheckpointError: naming the first link, pipe or device.
    """
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink() and runs.is_run(entry):
            runs.check_plain(entry)
    for found, kind in find_links(folder):
        place = found.relative_to(folder).parts
        if kind == "a link" and len(place) > 2 and runs.is_run(folder / place[0]):
            continue  # (a logger's, within its run: that was just looked at)
        raise CheckpointError(
            f"{found} is {kind}: a study's folder holds plain files and folders; put a copy in its place."
        )


def read_members(folder: Path) -> list[Planned]:
    """The members of a study, each with a name that is a folder's of this study and no other's.

    Raises:
        OSError, ValueError: the list is missing, or damaged.
    """
    members = []
    for m in read_json(folder / MEMBERS, LISTED):
        try:
            runs.check_run_name(m["name"])
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if m["name"] in OWN or m["number"] < 0 or not 0 <= m["seed"] < 2**32:
            raise ValueError(f"{str(m)[:100]} is no member")
        inside(folder, m["name"])
        members.append(Planned(m["number"], m["arm"], m["seed"], m["name"], m.get("trial")))
    for kind in ("number", "name"):
        values = [getattr(member, kind) for member in members]
        if len({*values}) < len(values):
            raise ValueError(f"two members have one {kind}")
    return members


def read_outcome(folder: Path, number: int) -> Outcome:
    """How a member ended; nothing while it has not, or where nobody can read it."""
    with suppress(OSError, ValueError):
        return typed(read_json(outcome_file(folder, number), {}), Outcome)
    return Outcome()


def read_found(folder: Path) -> dict[str, Searched]:
    """What a study's search found, by arm; empty without one, or before it ended."""
    with suppress(OSError, ValueError):
        return typed(read_json(inside(folder, SEARCH), {}), dict[str, Searched])
    return {}


def read_looks(folder: Path) -> tuple[tuple[int, ...], ...]:
    """The seeds of each time that all results were there before seeds were added; none without such a file.

    Raises:
        OSError, ValueError: the file is damaged: without it a verdict would say too much.
    """
    file = inside(folder, LOOKS)
    return tuple(map(tuple, read_json(file, [[int]]))) if file.exists() else ()


def outcome_file(folder: Path, number: int) -> Path:
    return folder / OUTCOMES / f"{number:04d}.json"
