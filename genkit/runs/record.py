"""run.json: what a run says of itself, as a type; who reads it, and which version of genkit can."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import msgspec

from genkit.core.options import Option
from genkit.system.plain import parse_json
from genkit.system.schemas import typed

SCHEMA = 1  # of the configuration and the record; a run without it is older
# The version of genkit that first read each schema.  One that this version reads no more goes to `LAST`.
READERS = {0: "0.1.0", 1: "0.1.0"}
LAST: Mapping[int, str] = {}  # the last version that reads a schema of old
STRANGE = "?"  # of a schema whose record names no version


@dataclass(frozen=True)
class Git:
    """A working folder: its revision, and whether it has changes."""

    revision: str = ""
    dirty: bool = False


@dataclass(frozen=True)
class Provenance:
    """Where a run comes from: the command that began it, versions, hardware."""

    command: tuple[str, ...] = ()
    python: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, Any] = field(default_factory=dict)
    git: Git | None = None


@dataclass(frozen=True)
class PastSession:
    """A start that trained: when, after which step, by which command, and what it changed.

    Attributes:
        overrides: the new value of each dotted key that it changed.
    """

    step: int
    overrides: Mapping[str, Any]
    begun: str = ""
    command: tuple[str, ...] = ()
    python: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    git: Git | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Best:
    """The checkpoint that validation chose: its step, and the term with its value."""

    step: int
    metric: str | None
    value: float | None


@dataclass(frozen=True)
class CodecUse:
    """The codec whose codes a run reads, as it was when it was copied, and what the run's training data use
    of it.

    Attributes:
        name, sha256: of the run that it was copied from, and of its model.
        step, parameters, seconds: of its training.
        length: codes of an example.
        codes, used: different ones that there are, and that occur.
        perplexity: how many as frequent as each other would be as hard to guess.
    """

    name: str
    sha256: str
    length: int
    codes: int
    used: int
    perplexity: float
    family: str = ""
    step: int | None = None
    parameters: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        of = f"{self.length} codes each of {self.name} ({self.sha256[:12]})"
        return f"{of}, {self.used:,} of {self.codes:,} used, perplexity {self.perplexity:.4g}"


@dataclass(frozen=True)
class Record:
    """What run.json says; what it leaves out has the value of what nobody knows.

    Attributes:
        status: "running", "finished", "interrupted", "failed" or "diverged"; "" where there is no record.
        pid, start: of the process that trains, and of the start that several processes belong to.
        schema, reader: of the folder, and the first version of genkit that reads it.
        units: of each validation term.
        options: those of sampling that the family declares.
        packed: the digest of each packed folder of the data; a stranger's may be anything.
        codec: what made the codes that the run reads; None: it reads none.
        protocol, counts: of the data: how it is split, and how many examples each part has.
        provenance: of the first start; `sessions` has all.
        seconds, wall_seconds: of the steps alone, and of everything.
        peak_memory: in bytes.
        final: the last validation terms.
        reason: why it did not finish.
        more: what a later version has written beside.
        said: the keys that are written down, be it as nothing.
    """

    status: str = ""
    pid: int | None = None
    start: str | None = None
    schema: int = 0
    reader: str = ""
    created: str = ""
    name: str = ""
    family: str = ""
    model: str = ""
    data: str = ""
    seed: int | None = None
    parameters: int | None = None
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    fingerprint: str = ""
    packed: Any = field(default_factory=dict)
    codec: CodecUse | None = None
    protocol: str = ""
    counts: Mapping[str, Any] = field(default_factory=dict)
    spec_sha256: str = ""
    provenance: Provenance | None = None
    sessions: tuple[PastSession, ...] = ()
    step: int | None = None
    seconds: float | None = None
    wall_seconds: float | None = None
    peak_memory: int | float | None = None
    best: Best | None = None
    final: Mapping[str, float | None] = field(default_factory=dict)
    ended: str = ""
    reason: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    said: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    @property
    def known(self) -> bool:
        """Whether there is a record at all."""
        return bool(self.more) or self != Record()

    def to_dict(self) -> dict[str, object]:
        """As run.json says it: plain values, without what it does not say."""
        unknown = Record()
        own = {key: getattr(self, key) for key in KEYS}
        said = {k: v for k, v in own.items() if k in self.said or v != getattr(unknown, k)}
        return {**plain(said), **self.more}


KEYS = tuple(f.name for f in fields(Record) if f.name not in ("more", "said"))


def plain(entries: Mapping[str, object]) -> dict[str, object]:
    """Entries of a record as JSON has them."""
    return typed(parse_json(json.dumps(msgspec.to_builtins(entries))), dict[str, Any])


def record_of(said: Mapping[str, object]) -> Record:
    """What run.json says, as a type.

    Raises:
        ValueError: a value in it is not of its kind, or no version from this one on reads it.
    """
    check_schema(said)
    own = {key: value for key, value in said.items() if key in KEYS}
    more = {key: value for key, value in said.items() if key not in KEYS}
    return replace(typed(own, Record), more=more, said=frozenset(own))


class OtherVersion(ValueError):
    """A run folder that another version of genkit reads."""


def check_schema(said: Mapping[str, object]) -> None:
    """See that this version reads a run folder; newer ones may mean something else by the same words.

    Raises:
        OtherVersion: it does not; the version that does is named.
        ValueError: it has no schema that any version had.
    """
    schema = typed(said.get("schema", 0), int, "schema")
    if schema in READERS:
        return
    if schema in LAST:
        raise OtherVersion(f"has schema {schema}, which genkit {LAST[schema]} was the last to read: use that")
    if schema < SCHEMA:
        raise ValueError(f"schema {schema} was never one")
    reader = typed(said.get("reader", STRANGE), str, "reader")
    of = "a later genkit" if reader == STRANGE else f"genkit {reader} or later"
    raise OtherVersion(
        f"has schema {schema}, and this genkit reads up to {SCHEMA}: {of} reads it; update genkit"
    )
