"""What a checkpoint's folder says of itself, checked byte by byte, without torch.

manifest.json speaks of every other file of a step-N folder (size and SHA-256), of itself, and of what the
checkpoint belongs to.  The pointers last and best name such a folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genkit.system.errors import CheckpointError
from genkit.system.plain import inside, open_file, parse_json, read_text

SCHEMA = 2  # 1 had no digest of the manifest itself
MAX_JSON_BYTES = 64_000_000  # of a manifest or the plain part of a state; what is larger is no checkpoint
# What Python raises on values that are not what they should be.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, StopIteration)
HOLLOW_BYTES = 1_000_000_000  # a file that is larger, and not on the disk, would be read for hours
MANIFEST = "manifest.json"
WEIGHTS, EMA, TRAINER = "weights.safetensors", "ema.safetensors", "trainer"
POINTERS = ("last", "best")
STEP = r"step-(0|[1-9]\d{0,17})"


def available(folder: Path) -> list[int]:
    """Steps that have a checkpoint."""
    names = [path.name for path in folder.glob("step-*") if (path / MANIFEST).is_file()]
    return sorted(int(name[5:]) for name in names if re.fullmatch(STEP, name, re.A))


def pointed(folder: Path, name: str) -> str | None:
    """What a pointer says; None where it cannot be read."""
    try:
        return read_text(folder / name, 100).strip()
    except (OSError, ValueError):
        return None


def locate(folder: Path, which: str) -> Path:
    """The folder of "last", "best" or "step-N"; where "last" was deleted, the newest that is left.

    Raises:
        CheckpointError: there is none; those that exist are listed.
    """
    name = pointed(folder, which) if which in POINTERS else which
    if which in POINTERS and name and not re.fullmatch(STEP, name, re.A):
        raise CheckpointError(
            f"{folder / which} names {name[:60]!r}, which is no checkpoint: give checkpoint=step-N,"
            " or restore it."
        )
    steps = available(folder)
    if which == "last" and steps and name not in [f"step-{step}" for step in steps]:
        return folder / f"step-{steps[-1]}"
    if name in [f"step-{step}" for step in steps]:
        return folder / str(name)
    have = ", ".join(f"step-{step}" for step in steps) or "none"
    raise CheckpointError(f"no checkpoint {which!r} in {folder}; it holds: {have}.")


def verify(place: Path, *, trainer: bool = True) -> dict[str, Any]:
    """The manifest, after every file was found to be what it says.

    Args:
        trainer: whether the optimisers' state, the larger part, is hashed too; its size is checked anyway.

    Raises:
        CheckpointError: naming the file, what is wrong with it, and what to use instead.
    """
    try:
        return _verify(place, trainer)
    except OSError as error:  # it was deleted meanwhile, or the disk cannot be read
        raise CheckpointError(
            f"{error.filename or place} cannot be read ({short(error)}); {instead(place)}."
        ) from error


def _verify(place: Path, trainer: bool) -> dict[str, object]:
    manifest, files = _manifest(place)
    needed = {WEIGHTS, f"{TRAINER}.safetensors", f"{TRAINER}.json"}
    needed |= {EMA} if (place / EMA).exists() else set()
    if unknown := needed - set(files):  # they would be read unchecked
        listed = ", ".join(sorted(unknown))
        raise CheckpointError(f"{place / MANIFEST} does not speak of {listed}; {instead(place)}.")
    for name, (size, sha256) in files.items():
        try:
            path = inside(place, name)
        except ValueError as error:
            raise CheckpointError(
                f"{place / MANIFEST} speaks of other than its files: {error}; {instead(place)}."
            ) from None
        if not path.is_file():
            raise CheckpointError(f"{path} is missing or no plain file; {instead(place)}.")
        if path.stat().st_size != size:
            raise CheckpointError(
                f"{path} has {path.stat().st_size} bytes, its manifest says {size}; {instead(place)}."
            )
        if size > HOLLOW_BYTES and 8 * 512 * getattr(path.stat(), "st_blocks", size) < size:
            raise CheckpointError(f"{path} has {size:,} bytes, most of which are holes; {instead(place)}.")
        wanted = trainer or name in (WEIGHTS, EMA)
        if wanted and describe(path)["sha256"] != sha256:
            raise CheckpointError(f"{path} is not the file that was saved (SHA-256); {instead(place)}.")
    return manifest


def _manifest(place: Path) -> tuple[dict[str, object], dict[str, tuple[int, str]]]:
    """The manifest, and the size and the digest of each file that it speaks of."""
    path = place / MANIFEST
    if place.is_symlink() or path.is_symlink() or not path.is_file():
        raise CheckpointError(f"{path} is missing or no plain file; {instead(place)}.")
    try:
        manifest = read_json(path)
        schema, step = int(manifest["schema"]), int(manifest["step"])
        if schema > SCHEMA:
            raise CheckpointError(
                f"{place} has schema {schema}, this genkit reads up to {SCHEMA}: update genkit."
            )
        if (
            schema < 1
            or (schema > 1 and manifest["sha256"] != seal(manifest))
            or place.name != f"step-{step}"
        ):
            raise ValueError("it is not the one that was saved")
        entries = manifest["files"].items()
        return manifest, {name: (entry["bytes"], entry["sha256"]) for name, entry in entries}
    except (OSError, OverflowError, *MALFORMED) as error:
        raise CheckpointError(f"{path} is damaged ({short(error)}); {instead(place)}.") from error


def seal(manifest: Mapping[str, object]) -> str:
    """SHA-256 of a manifest without this entry: it shows damage, and is no signature."""
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_json(path: Path) -> Any:
    """A plain file's JSON; a ValueError if it is none, or too large to be what it should."""
    return parse_json(read_text(path, MAX_JSON_BYTES))


def short(error: BaseException) -> str:
    """What Python says of malformed values, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:100]


def instead(place: Path) -> str:
    """What to do about a checkpoint that cannot be used."""
    others = [step for step in available(place.parent) if f"step-{step}" != place.name]
    if not others:
        return "there is no other checkpoint: restore it from a copy, or train anew"
    return f"use checkpoint=step-{others[-1]}, or delete {place} to go on from there"


def digest(place: Path) -> str:
    """SHA-256 of the manifest, and so of everything in the checkpoint."""
    return str(describe(place / MANIFEST)["sha256"])


def describe(path: Path) -> dict[str, object]:
    with open_file(path) as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def unsafe_format(path: Path) -> str | None:
    """What a file of weights is instead, where reading that could run code."""
    with open_file(path) as file:
        opening, end = file.read(512), file.seek(-1, os.SEEK_END) if path.stat().st_size else 0
        last = file.read(1) if end else b""
    if opening.startswith(b"PK"):
        return "a ZIP archive (of torch.save, TorchScript or .pt2), whose pickles could run code"
    if opening[257:262] == b"ustar":
        return "a tar archive (of an old torch.save), whose pickles could run code"
    # From protocol 2 on a pickle says its protocol; one of 0 or 1 begins with an opcode. All end with STOP.
    if opening[:1] == b"\x80" or (last == b"." and opening[:1] in b"(c]}iVSI"):
        return "a pickle, which could run code"
    return None


def check_belongs(manifest: Mapping[str, object], model_sha256: str | None, spec_sha256: str) -> None:
    """See that a checkpoint was made by the model, and on data of the spec, that its run speaks of.

    Args:
        model_sha256: None: it is not known.

    Raises:
        CheckpointError: the run's configuration or its spec (a tokeniser, say) is another one.
    """
    for key, found, file in (
        ("model_sha256", model_sha256, "the model in config.yaml"),
        ("spec_sha256", spec_sha256, "spec.json"),
    ):
        if found is not None and manifest.get(key, found) != found:
            raise CheckpointError(
                f"{file} is not what step-{manifest.get('step')} was trained with (SHA-256);"
                " restore the run folder from a copy."
            )


def check_family(found: Any, family: str, where: object) -> None:
    """See that weights are of a family.

    Args:
        found: the family that was written down; None: none was.
        where: they come from.

    Raises:
        CheckpointError: they are of another family.
    """
    if found and family and found != family:
        raise CheckpointError(
            f"{where} is a {str(found)[:40]}, not a {family}; choose a run of model={family}."
        )
