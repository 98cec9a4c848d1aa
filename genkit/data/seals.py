"""What shows that a packed folder is as it was made: a digest of every array, a sample of its blocks, a seal.

    dataset.json    {…, "arrays": {"images.npy": {"bytes": …, "sample": SHA-256, "sha256": SHA-256}, …},
                        "seal": SHA-256 of all other entries}

`check` is for every opening: the seal, the sizes, and some blocks of each array, whatever its size in a few
milliseconds.  `examine` reads every byte.  Only plain files are opened: no link is followed, no pipe waited
for.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genkit.system.errors import DataError
from genkit.system.plain import open_file, parse_json, read_text

DESCRIPTION = "dataset.json"
ARRAYS, SEAL = "arrays", "seal"
LIMIT = 2**28  # bytes of a description: the names of a million files, or a large tokeniser
BLOCK = 2**22  # bytes read at once
SAMPLE, SAMPLES = 2**12, 64  # bytes of a block of the sample, and blocks; up to 1 MiB all is read
WHOLE = 2**20


def sealed(folder: Path, description: Mapping[str, object]) -> dict[str, object]:
    """A description with what stands for the arrays beside it, and for itself."""
    arrays = {}
    for path in sorted(folder.glob("*.npy")):
        size = path.stat().st_size
        arrays[path.name] = {"bytes": size, "sample": _sample(path, size), "sha256": _whole(path)}
    about = {**description, ARRAYS: arrays}
    return {**about, SEAL: _seal(about)}


def describe(folder: Path) -> dict[str, Any]:
    """The description of a packed dataset, as it was made.

    Raises:
        DataError: it is damaged or changed.
    """
    try:
        size = (folder / DESCRIPTION).lstat().st_size  # (as much memory is taken as may be read)
        about = parse_json(read_text(folder / DESCRIPTION, min(size, LIMIT)))
        if not isinstance(about, dict) or not isinstance(about.get(ARRAYS), dict):
            raise ValueError("no description of arrays")
        if about.get(SEAL) != _seal(about):
            raise ValueError("its seal is of another text")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(
            f"{folder / DESCRIPTION} is damaged ({reason}): delete {folder}, and the data is packed anew."
        ) from None
    return about


def check(folder: Path, about: Mapping[str, Any]) -> None:
    """See, cheaply, that the arrays of a folder are those that its description speaks of.

    Raises:
        DataError: one is missing, or another by now.
    """
    for name, known in about[ARRAYS].items():
        path = folder / name
        try:
            size = path.stat().st_size
            same = size == known["bytes"] and _sample(path, size) == known["sample"]
        except OSError as error:
            raise _refused(folder, name, error.strerror or str(error)) from None
        if not same:
            raise _refused(folder, name, "its contents are not those that were packed")


def examine(folder: Path) -> dict[str, Any]:
    """The description of a packed folder of which every byte is read.

    Raises:
        DataError: something is missing, or another by now.
    """
    about = describe(folder)
    for name, known in about[ARRAYS].items():
        try:
            same = _whole(folder / name) == known["sha256"]
        except OSError as error:
            raise _refused(folder, name, error.strerror or str(error)) from None
        if not same:
            raise _refused(folder, name, "its contents are not those that were packed")
    return about


def _refused(folder: Path, name: str, reason: str) -> DataError:
    return DataError(f"{folder / name} is damaged ({reason}): delete {folder}, and the data is packed anew.")


def _seal(about: Mapping[str, object]) -> str:
    rest = {key: value for key, value in about.items() if key != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _whole(path: Path) -> str:
    sha = hashlib.sha256()
    with open_file(path) as file:
        while block := file.read(BLOCK):
            sha.update(block)
    return sha.hexdigest()


def _sample(path: Path, size: int) -> str:
    """Of the first and the last block and of others in between, at places that the size decides."""
    if size <= WHOLE:
        return _whole(path)
    drawn = np.random.Generator(np.random.Philox(size)).integers(0, size - SAMPLE, SAMPLES - 2).tolist()
    sha = hashlib.sha256()
    with open_file(path) as file:
        for place in (0, *sorted(drawn), size - SAMPLE):
            sha.update(os.pread(file.fileno(), SAMPLE, place))
    return sha.hexdigest()
