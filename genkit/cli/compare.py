"""`genkit compare RUN RUN …`: in what runs differ, their configurations and their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genkit import config, runs
from genkit.cli.commands.compare import CompareSettings
from genkit.cli.show import table
from genkit.config.values import leaves
from genkit.report.lines import difference
from genkit.report.numbers import number
from genkit.report.sources import DAMAGED, Member, read_member
from genkit.runs.rows import Row
from genkit.system.errors import CheckpointError, ConfigError
from genkit.system.terminal import say

NOT_COMPARED = ("name",)


def compare(settings: CompareSettings) -> int:
    if len(settings.runs) < 2:
        raise ConfigError("compare needs two runs or more: genkit compare RUN RUN.")
    runs_dir = settings.paths["runs_dir"]
    folders = [runs.find(name, runs_dir) for name in settings.runs]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ConfigError("compare has one run twice; give each once.")
    names = _names(folders)
    _configurations(folders, names)
    members = [read_member(folder, name, 0) for folder, name in zip(folders, names, strict=True)]
    for member in members:
        if member.status == DAMAGED:
            raise CheckpointError(member.reason)
    _numbers(members)
    return 0


def _names(folders: Sequence[Path]) -> list[str]:
    """The names of the folders, with their parents' where two have one name."""
    names = [folder.name for folder in folders]
    return [
        f"{folder.parent.name}/{name}" if names.count(name) > 1 else name
        for folder, name in zip(folders, names, strict=True)
    ]


def _configurations(folders: Sequence[Path], names: Sequence[str]) -> None:
    flat = [dict(leaves(config.load_frozen(folder / runs.CONFIG).plain)) for folder in folders]
    keys = dict.fromkeys(key for values in flat for key in values if key not in NOT_COMPARED)
    lines = [[key, *(_shown(values.get(key, "–")) for values in flat)] for key in keys]
    differing = [line for line in lines if len(set(line[1:])) > 1]
    if differing:
        table(("configuration", *names), differing)
    else:
        say("the configurations are the same")


def _shown(value: Any) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _numbers(members: Sequence[Member]) -> None:
    """Metrics, last validation terms and costs; what was measured otherwise says so."""
    lines, notes = [], []
    named = dict.fromkeys((row.metric, row.place.own) for member in members for row in _models(member))
    for metric, judges in named:
        found = [
            next((row for row in _models(member) if (row.metric, row.place.own) == (metric, judges)), None)
            for member in members
        ]
        first = next(row for row in found if row is not None)
        cells = []
        for member, row in zip(members, found, strict=True):
            text = "–" if row is None else "none" if row.value is None else number(row.value)
            if row is not None and _key(row) != _key(first) and row.value is not None:
                text += " *"
                notes.append(f"* {metric} of {member.arm}: {difference(first, row)}")
            cells.append(text)
        name = f"{metric} ({judges})" if judges else metric
        lines.append([f"{name} {first.better}".strip(), *cells])
    terms = dict.fromkeys(key for member in members for key in member.record.final)
    for term in terms:
        values = [member.record.final.get(term) for member in members]
        lines.append([term, *(number(value) if value is not None else "–" for value in values)])
    if lines:
        say()
        table(("number", *(member.arm for member in members)), lines)
    for note in [*notes, *_codecs(members)]:
        say(note)
    if not any(_models(member) for member in members):
        say("\nno run has been evaluated: genkit evaluate run=RUN.")


def _codecs(members: Sequence[Member]) -> list[str]:
    """Of each run of codes whose they are, and what that makes of its numbers."""
    said = []
    for member in members:
        if (codec := member.record.codec) is None:
            continue
        bound = any(row.kind == "bound" and "through" in row.protocol for row in _models(member))
        likely = "; its likelihood is a bound through that codec" if bound else ""
        said.append(f"{member.arm} reads {codec}: its costs are of both trainings{likely}")
    return said


def _models(member: Member) -> list[Row]:
    return [row for row in member.rows if row.role == "model"]


def _key(row: Row) -> tuple[str, ...]:
    return row.fingerprint, row.kind, row.place.split, row.place.judged
