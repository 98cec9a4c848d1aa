"""Runs by name: which there are, and which one is meant."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from genkit.runs.layout import CONFIG, OWN, is_run
from genkit.runs.record import Record
from genkit.runs.run import Run
from genkit.system.errors import CheckpointError, ConfigError, nearest
from genkit.system.paths import place, sought
from genkit.system.plain import find_links


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
    if run.startswith("hf:"):
        raise ConfigError(
            f"run={run[:150]} is of the hub, which this command cannot take: copy the folder"
            " that genkit.load keeps of it, and give its path."
        )
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
    hint = sought(here) if os.sep in run else nearest(run, [path.name for path in _folders(runs_dir)])
    raise ConfigError(f"no run {run!r} here or in {os.path.abspath(runs_dir)}.{hint}")


def _encoded(run: str, runs_dir: str | Path) -> list[Path]:
    """Runs whose names are this one in another form of Unicode, as some disks and keyboards write it."""
    if run.isascii():
        return []
    wanted = unicodedata.normalize("NFC", run)
    return [path for path in _folders(runs_dir) if unicodedata.normalize("NFC", path.name) == wanted]


def list_runs(runs_dir: str | Path) -> list[Record]:
    """The records of all runs below a folder, oldest first, each with the name of its folder.

    One that cannot be read has the status "damaged" and says why as its reason.
    """
    records = []
    for path in _folders(runs_dir):
        try:
            record = Run(path).record()
        except CheckpointError as error:
            record = Record(status="damaged", reason=str(error))
        records.append(replace(record, name=path.name))
    return sorted(records, key=lambda record: record.created)


def _folders(runs_dir: str | Path) -> Iterator[Path]:
    root = Path(runs_dir)
    if root.is_dir():
        yield from (path for path in sorted(root.iterdir()) if is_run(path))
