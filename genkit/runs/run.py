"""One run folder: made, locked, its record read and updated."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock, Timeout

from genkit.runs.layout import (
    CONFIG,
    LOCK,
    MAX_RECORD_BYTES,
    RECORD,
    SHARED,
    history,
    write_atomically,
)
from genkit.runs.names import check_run_name
from genkit.runs.record import OtherVersion, PastSession, Record, plain, record_of
from genkit.system.errors import CheckpointError, ConfigError, Locked, StorageError
from genkit.system.plain import parse_json, read_json, read_text
from genkit.system.storage import reason


class Run:
    """One run folder.

    Once it is bound, by `lock` or `bind`, it is that folder and no other which may get its name later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: tuple[int, int] | None = None

    @property
    def path(self) -> Path:
        """Where it is.

        Raises:
            StorageError: it was bound, and is not there any more.
        """
        if self._held is not None and _identity(self._path) != self._held:
            raise StorageError(
                f"the folder {self._path} was moved, replaced or deleted while this run was trained; nothing"
                " is written to what is there now. Where it is, it can be resumed from its last checkpoint."
            )
        return self._path

    @property
    def name(self) -> str:
        return self._path.name

    def bind(self) -> None:
        """Remember which folder this is, whatever is under its path later."""
        self._held = _identity(self._path)

    @classmethod
    def create(cls, runs_dir: str | Path, name: str) -> Run:
        """Make the folder of a new run.

        Raises:
            ConfigError: a run of that name exists, or something that is no run.
            StorageError: the folder cannot be made.
        """
        path = Path(runs_dir) / check_run_name(name)
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not is_abandoned(path):
                refuse_taken(path)
        except OSError as error:
            raise StorageError(f"cannot make {path}: {error.strerror}. Set paths.runs_dir.") from error
        return cls(path)

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    def lock(self) -> FileLock:
        """Hold the run for this process until released; the system releases it when the process dies.

        Raises:
            Locked: another process holds it.
        """
        self.bind()
        lock = FileLock(self.path / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise Locked(
                f"{self.name} is being trained by process {self.record().pid or '?'};"
                " wait for it, or stop it."
            ) from None
        except OSError as error:
            raise StorageError(f"cannot lock {self._path / LOCK}: {reason(error)}.") from error
        return lock

    def left_behind(self, step: int) -> str | None:
        """What to say of a trainer that died without a word; None where none did.  Ask under the lock.

        Args:
            step: of the last checkpoint.
        """
        record = self.record()
        if record.status != "running":
            return None
        lost = self._last_logged() - step
        again = f"; {lost} or more steps after it are lost and trained again" if lost > 0 else ""
        return (
            f"{self.path.name} was left by process {record.pid or '?'}, which is no more;"
            f" its last checkpoint is of step {step}{again}."
        )

    def unfinished(self) -> str | None:
        """What to say to who uses a run that was not trained to its end; None: it was, or nobody knows.

        Raises:
            CheckpointError: as `record`.
        """
        record = self.record()
        if record.status in ("", "finished"):
            return None
        how = f"it is {record.status}"
        if record.status == "running":
            how = self._trained_now(record)
        elif record.status == "interrupted":
            how = f"it was interrupted; genkit train resume={self.name} goes on"
        elif record.reason:
            how = f"it {record.status}: {record.reason.rstrip('.')[:200]}"
        steps = [int(path.name[5:]) for path in self.checkpoints.glob("step-*") if path.name[5:].isdecimal()]
        last = f", and has checkpoints up to step {max(steps)}" if steps else ""
        return f"{self.name} is not finished{last}: {how}."

    def _trained_now(self, record: Record) -> str:
        """Who trains a run that is said to be running, if anybody does."""
        try:
            if (self.path / LOCK).exists():
                self.lock().release()
        except Locked:
            return f"process {record.pid or '?'} is training it"
        except StorageError:  # (a folder that may be read alone)
            return "it was being trained when it was last written to"
        return f"process {record.pid or '?'} left it, and is no more; genkit train resume={self.name} goes on"

    def sweep(self) -> None:
        """Remove what a killed process had begun to write.  Call it under the lock."""
        for folder in (self.path, self.checkpoints, self.samples):
            for path in folder.glob(".*"):
                if re.fullmatch(r"\..+\.\d+(\.old)?|\.genkit-.*", path.name, re.S):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _last_logged(self) -> int:
        try:
            lines = history(self.path / "metrics.csv").split("\n")
            return max((int(line.partition(",")[0]) for line in lines[1:] if line), default=0)
        except (OSError, ValueError):
            return 0

    def share(self, plain: Mapping[str, object]) -> None:
        """Tell the other processes of one start what they train, before the record says a word of it."""
        write_atomically(self.path / SHARED, json.dumps(plain) + "\n")

    def shared(self) -> dict[str, Any]:
        """What was told; empty where nothing is."""
        try:
            found = parse_json(read_text(self.path / SHARED, MAX_RECORD_BYTES))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def unshare(self) -> None:
        """Take it back."""
        with contextlib.suppress(OSError, StorageError):
            (self.path / SHARED).unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove a run that never trained; one that has taken its place stays."""
        with contextlib.suppress(StorageError):
            shutil.rmtree(self.path, ignore_errors=True)

    def record(self) -> Record:
        """What run.json says; nothing where there is none.

        Raises:
            CheckpointError: run.json is no JSON, a value in it is not of its kind, or another version of
                genkit reads it.
        """
        return self._record()[0]

    def _record(self) -> tuple[Record, dict[str, Any]]:
        """The record, and as it is written."""
        try:
            said = read_json(self.path / RECORD, {}, MAX_RECORD_BYTES)
            return record_of(said), said
        except FileNotFoundError:
            return Record(), {}
        except OtherVersion as error:
            raise CheckpointError(f"{self.path / RECORD} {error}.") from None
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{self.path / RECORD} is damaged: {reason(error)}. Restore it from a copy."
            ) from error

    def update(self, **entries: Any) -> None:
        """Set entries of run.json, which is not touched where it says so already; others are kept.

        Args:
            entries: by the names of `Record`.
        """
        self._write(self._record()[1], plain(entries))

    def add_session(self, session: PastSession, **entries: Any) -> None:
        """`update`, and one more session after those that there are, which stay as they are written."""
        before = self._record()[1]
        (own,) = plain({"session": session}).values()
        self._write(before, {**plain(entries), "sessions": [*(before.get("sessions") or []), own]})

    def _write(self, before: Mapping[str, object], entries: Mapping[str, object]) -> None:
        record = {**before, **entries}
        if json.dumps(record) == json.dumps(before):
            return
        write_atomically(self.path / RECORD, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a folder from every other, wherever it is moved; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_abandoned(path: Path) -> bool:
    """Whether a folder holds nothing but what a process leaves that was killed before it had begun a run."""
    return path.is_dir() and all(entry.name.startswith(".") for entry in path.iterdir())


def refuse_taken(path: Path, *, locked: bool = False) -> NoReturn:
    """Say that a run has the name of a new one.

    Args:
        locked: whether this process holds the lock.

    Raises:
        Locked: it is being trained.
        ConfigError: it is not.
    """
    if not path.is_dir():
        kind = "a dangling link" if path.is_symlink() and not path.exists() else "a file"
        raise ConfigError(f"{path} is {kind}, and no run: choose another name=, or remove it.")
    if (path / LOCK).exists() and not locked:
        Run(path).lock().release()
    if not (path / CONFIG).exists() and not locked:
        raise ConfigError(f"{path} is a folder, and no run: choose another name=, or remove it.")
    raise ConfigError(
        f"a run named {path.name} exists in {path.parent}: choose another name=, or go on with"
        f" resume={path.name}."
    )


def check_room(folder: Path, size: int) -> None:
    """See that a disk takes two checkpoints: a new one is whole before an old one goes.

    Args:
        size: bytes of a checkpoint.

    Raises:
        StorageError: it does not; both numbers are named.
    """
    free = shutil.disk_usage(folder).free
    if free < 2 * size:
        raise StorageError(
            f"{folder.parent} has {free / 1e6:,.0f} MB free, and two checkpoints of this model need"
            f" {2 * size / 1e6:,.0f} MB: free some, or set paths.runs_dir to another disk."
        )
