"""The run folder: its name, its lock, its record.  Nothing here imports torch.

runs/<name>/config.yaml       the composed configuration, frozen at launch
            run.json          status, provenance, options of the family, last validation terms
            spec.json         what the data is, tokeniser included
            checkpoints/      step-N/ folders and the pointers last and best (see genkit.runs.checkpoints)
            metrics.csv       and TensorBoard's files
            samples/          drawn during training and afterwards
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock, Timeout

from genkit.core.spec import Spec, spec_from_dict
from genkit.system import storage
from genkit.system.errors import CheckpointError, ConfigError, Locked, StorageError, nearest
from genkit.system.paths import place
from genkit.system.plain import find_links, parse_json, read_bytes, read_json, read_text
from genkit.system.schemas import Optional
from genkit.system.storage import reason

RECORD, CONFIG, SPEC, LOCK = "run.json", "config.yaml", "spec.json", ".lock"
SHARED = ".session"  # what the other processes of a training that goes on are told, while it does
# What we write ourselves in a run folder; a logger may add folders of its own.
OWN = (
    *(RECORD, CONFIG, SPEC, LOCK, "checkpoints", "samples", "metrics.csv", "findings.json"),
    *("evaluation.jsonl", "evaluation", "tensorboard"),
)
SCHEMA = 1  # of the configuration and the record; a run without it is older
MAX_RECORD_BYTES, MAX_SPEC_BYTES = 8_000_000, 64_000_000
MAX_HISTORY_BYTES, MAX_HISTORY_LINES = 256_000_000, 1_000_000  # of a metrics.csv
OPTION_BOUNDS = {**{f"{key}?": float | None for key in ("low", "high", "above")}, "many?": bool}
TEXTS = ("status", "name", "family", "model", "data", "created", "ended", "fingerprint", "spec_sha256")
# What run.json says, as far as anything is done with it.
RECORD_SHAPE = {
    **{f"{key}?": str for key in TEXTS},
    **{"reason?": str | None, "start?": str | None, "step?": int, "seconds?": float, "seed?": int},
    **{"wall_seconds?": float},
    **{"pid?": int, "parameters?": int, "peak_memory?": float | None, "units?": {str: str}},
    "best?": Optional({"step": int, "metric": str | None, "value": float | None}),
    "final?": {str: float | None},
    "schema?": int,
    "sessions?": [{"step": int, "overrides": {str: Any}, "versions?": {str: str}, "threads?": int}],
    "options?": [{"name": str, "kind": str, "help?": str, "choices?": [str], **OPTION_BOUNDS}],
    "provenance?": {
        **{"command?": [str], "versions?": {str: str}, "hardware?": {str: Any}},
        "git?": Optional({"revision?": str, "dirty?": bool}),
    },
}


def check_run_name(name: str) -> str:
    """`name`, if it can be a folder directly below the runs folder.

    Raises:
        ConfigError: it is empty, too long, or would lead elsewhere.
    """
    fits = re.fullmatch(r"[^/\\]{1,120}", name) and name.isprintable()
    if not fits or name.startswith(".") or name != name.strip():
        shown = name if len(name) <= 120 else f"{name[:20]}…"
        raise ConfigError(
            f"name={shown!r} cannot name a run: use 1 to 120 printable characters without slashes,"
            " not beginning with a dot."
        )
    return name


def same_name(one: str, other: str) -> bool:
    """Whether two names are one to a reader, or to some disk: but for their case, or for how é is encoded."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def new_name(model: str, data: str) -> str:
    """A name that says what runs and never collides."""
    now = datetime.datetime.now().strftime("%m%d-%H%M%S")
    return f"{model}-{data}-{now}-{secrets.token_hex(4)}"


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old text or the new one, whatever happens meanwhile.

    Raises:
        StorageError: the folder cannot be written.
    """
    storage.write_text(path, text, "Free space, or set paths.runs_dir.")


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
                f"{self.name} is being trained by process {self.record().get('pid', '?')};"
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
        if record.get("status") != "running":
            return None
        lost = self._last_logged() - step
        again = f"; {lost} or more steps after it are lost and trained again" if lost > 0 else ""
        return (
            f"{self.path.name} was left by process {record.get('pid', '?')}, which is no more;"
            f" its last checkpoint is of step {step}{again}."
        )

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

    def share(self, plain: Mapping[str, Any]) -> None:
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

    def record(self) -> dict[str, Any]:
        """What run.json says; empty where there is none.

        Raises:
            CheckpointError: run.json is no JSON, or a value in it is not of its kind.
        """
        try:
            record = dict(read_json(self.path / RECORD, RECORD_SHAPE, MAX_RECORD_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{self.path / RECORD} is damaged: {reason(error)}. Restore it from a copy."
            ) from error
        if record.get("schema", 0) > SCHEMA:
            raise CheckpointError(
                f"{self.path / RECORD} has schema {record['schema']}, this genkit reads up to {SCHEMA}:"
                " update genkit."
            )
        return record

    def update(self, **entries: Any) -> None:
        """Set entries of run.json, which is not touched where it says so already."""
        before = self.record()
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


def check_plain(path: Path) -> None:
    """See that a run folder holds plain files and folders alone: nothing outside it is read or written.

    Raises:
        CheckpointError: naming the first link, pipe or device.
    """
    for found, kind in find_links(path, OWN):
        raise CheckpointError(
            f"{found} is {kind}: a run folder holds plain files and folders that can be read;"
            " put a copy in its place."
        )


def find(run: str, runs_dir: str | Path, *, trusted: bool = False) -> Path:
    """The folder of a run, given as a path or as a name below `runs_dir`.

    A name without a slash is looked for below `runs_dir` first, so that a folder that happens to have it here
    hides no run; `./NAME` is the folder here.

    Args:
        trusted: whether it may hold links, pipes and devices.

    Raises:
        ConfigError: neither exists; the nearest run is named.
        CheckpointError: the folder is no run's, or holds links, pipes or devices.
    """
    if "://" in run:
        raise ConfigError(f"run={run} is an address: copy the run folder to this machine and give its path.")
    here = place(run, "run")
    below = Path(runs_dir) / run
    places = [below, *_encoded(run, runs_dir), here] if os.sep not in run else [here, below]
    folders = [path for path in places if run and path.is_dir()]
    for path in folders:
        if is_run(path):
            if not trusted:
                check_plain(path)
            return path
    if folders:
        raise CheckpointError(f"{folders[0]} is no run folder: {CONFIG} is missing, or no plain file.")
    if run and here.is_file():
        raise ConfigError(f"run={run} is a file; give the run's folder, which holds {CONFIG}.")
    known = [path.name for path in _folders(runs_dir)]
    raise ConfigError(f"no run {run!r} here or in {runs_dir}.{nearest(run, known)}")


def _encoded(run: str, runs_dir: str | Path) -> list[Path]:
    """Runs whose names are this one in another form of Unicode, as some disks and keyboards write it."""
    if run.isascii():
        return []
    wanted = unicodedata.normalize("NFC", run)
    return [path for path in _folders(runs_dir) if unicodedata.normalize("NFC", path.name) == wanted]


def read(path: Path) -> dict[str, Any]:
    """What run.json of a run folder says."""
    return Run(path).record()


def spec(path: Path) -> Spec:
    """What the data of a run is, tokeniser included, as it was when the run was trained.

    Raises:
        CheckpointError: it is missing, damaged, or another than the run's record says.
    """
    file = path / SPEC
    try:
        text = read_text(file, MAX_SPEC_BYTES)
        made = spec_from_dict(parse_json(text))
    except OSError:
        raise CheckpointError(f"{file} is missing: the run was not trained yet, or restore it.") from None
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise CheckpointError(f"{file} is damaged: {reason(error)}. Restore it from a copy.") from None
    recorded = read(path).get("spec_sha256")
    if recorded and hashlib.sha256(text.encode()).hexdigest() != recorded:
        raise CheckpointError(f"{file} is not the one that the run was trained with; restore it from a copy.")
    return made


def history(file: Path) -> str:
    """The whole lines of a metrics.csv: one that is being written, or was cut off, may end within a number.

    Raises:
        OSError, ValueError: it cannot be read, or is longer than a training writes.
    """
    text = read_text(file, MAX_HISTORY_BYTES)
    if text.count("\n") > MAX_HISTORY_LINES:
        raise ValueError(f"more than {MAX_HISTORY_LINES:,} lines")
    return text[: text.rfind("\n") + 1]


def spec_text(made: Spec) -> str:
    """What spec.json holds."""
    return json.dumps(made.to_dict(), ensure_ascii=False) + "\n"


def spec_digest(path: Path) -> str:
    """SHA-256 of a run's spec.json.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        return hashlib.sha256(read_bytes(path / SPEC, MAX_SPEC_BYTES)).hexdigest()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path / SPEC} cannot be read: {reason(error)}. Restore it.") from None


def list_runs(runs_dir: str | Path) -> list[dict[str, Any]]:
    """The records of all runs below a folder, oldest first; `path` and the folder's `name` are added to each.

    One that cannot be read has the status "damaged" and says why as its reason.
    """
    records = []
    for path in _folders(runs_dir):
        try:
            record = Run(path).record()
        except CheckpointError as error:
            record = {"status": "damaged", "reason": str(error)}
        records.append({**record, "path": str(path), "name": path.name})
    return sorted(records, key=lambda record: str(record.get("created", "")))


def _folders(runs_dir: str | Path) -> Iterator[Path]:
    root = Path(runs_dir)
    if root.is_dir():
        yield from (path for path in sorted(root.iterdir()) if is_run(path))


def is_run(path: Path) -> bool:
    """Whether a folder is a run's; one that nobody may look into counts, and says so when it is read."""
    try:
        return (path / CONFIG).is_file()
    except PermissionError:
        return True


def provenance() -> dict[str, Any]:
    """Versions, hardware, command and git revision, as plain values."""
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "versions": versions(),
        "hardware": {"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()},
        "git": _git_revision(),
    }


def versions() -> dict[str, str]:
    """Of the packages whose version may decide a number."""
    packages = ("torch", "torchvision", "pytorch-lightning", "tokenizers", "hydra-core", "numpy")
    from genkit import __version__

    return {"genkit": __version__, **{name: version(name) for name in packages}}


def _git_revision() -> Mapping[str, Any] | None:
    """Revision of the working folder, and whether it has changes; None outside a checkout."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=True, timeout=5).stdout

    try:
        return {
            "revision": git("rev-parse", "HEAD").strip(),
            "dirty": bool(git("status", "--porcelain", "-uno")),
        }
    except (OSError, subprocess.SubprocessError):
        return None
