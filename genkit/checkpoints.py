"""Checkpoints: folders of safetensors and JSON, whole or absent, and never code.

checkpoints/step-N/weights.safetensors   the module's state
                   ema.safetensors       the moving average, where there is one
                   trainer.safetensors   tensors of the optimisers
                   trainer.json          everything else of the optimisers, counters, clock
                   manifest.json         sizes and SHA-256 of all, its own too; what the checkpoint belongs to
checkpoints/last, checkpoints/best       text files that name a step-N folder
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from genkit.core.errors import CheckpointError, StorageError
from genkit.runs import write_atomically

SCHEMA = 2  # 1 had no digest of the manifest itself
MAX_JSON_BYTES = 64_000_000  # of a manifest or the plain part of a state; what is larger is no checkpoint
# What Python raises on values that are not what they should be.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, StopIteration)
MANIFEST = "manifest.json"
WEIGHTS, EMA, TRAINER = "weights.safetensors", "ema.safetensors", "trainer"


@dataclass
class Checkpoint:
    """What one step leaves behind.

    Attributes:
        step: whole training steps done.
        weights, ema: tensors by name; `ema` is empty without a moving average.
        trainer: nested plain values and tensors: optimisers, counters, clock.
        about: what it belongs to: family, hashes of model and spec, data fingerprint, versions.
    """

    step: int
    weights: dict[str, Tensor]
    ema: dict[str, Tensor] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    digest: str = ""


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `folder/step-N` beside its place, flush it to the disk, rename it, then point `last` at it.

    Raises:
        StorageError: the disk is full or cannot be written; what was there before is untouched.
    """
    place = folder / f"step-{checkpoint.step}"
    temporary = folder / f".step-{checkpoint.step}.{os.getpid()}"
    tensors: dict[str, Tensor] = {}
    plain = _split(checkpoint.trainer, tensors, "")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        _save_tensors(temporary / WEIGHTS, checkpoint.weights)
        if checkpoint.ema:
            _save_tensors(temporary / EMA, checkpoint.ema)
        _save_tensors(temporary / f"{TRAINER}.safetensors", tensors)
        (temporary / f"{TRAINER}.json").write_text(json.dumps(plain), encoding="utf-8")
        files = {path.name: _describe(path) for path in sorted(temporary.iterdir())}
        manifest = {"schema": SCHEMA, "step": checkpoint.step, **checkpoint.about, "files": files}
        manifest["sha256"] = seal(manifest)
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        for path in temporary.iterdir():
            _flush(path)
        _flush(temporary)
        _put(temporary, place)
        _flush(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StorageError(f"cannot write {place}: {error}. Free space, then resume the run.") from error
    point(folder, "last", checkpoint.step)
    return place


def point(folder: Path, name: str, step: int) -> None:
    """Let the pointer `name` ("last", "best") name the checkpoint of a step."""
    write_atomically(folder / name, f"step-{step}\n")


def prune(folder: Path, keep: int) -> None:
    """Delete all but the `keep` newest checkpoints and those that a pointer names.

    Raises:
        StorageError: the newest cannot be read back; nothing is deleted.
    """
    steps = sorted(available(folder))
    named = {_pointed(folder, name) for name in ("last", "best")}
    old = [step for step in steps[: max(0, len(steps) - keep)] if f"step-{step}" not in named]
    if old:
        try:
            verify(folder / f"step-{steps[-1]}")
        except CheckpointError as error:
            raise StorageError(f"what was written cannot be read back: {error}") from error
    for step in old:
        if aside := _set_aside(folder / f"step-{step}"):
            shutil.rmtree(aside, ignore_errors=True)


def _put(temporary: Path, place: Path) -> None:
    """Rename a folder to its place; what is there (the same step, before a resume) stays until then."""
    old = _set_aside(place)
    try:
        os.rename(temporary, place)
    except OSError:
        if old is not None:
            os.rename(old, place)
        raise
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _set_aside(place: Path) -> Path | None:
    """Give a checkpoint a name that is none, before it is deleted: half of one must not look like one."""
    if place.is_symlink():
        place.unlink()
    if not place.exists():
        return None
    old = place.with_name(f".{place.name}.{os.getpid()}.old")
    shutil.rmtree(old, ignore_errors=True)
    os.rename(place, old)
    return old


def available(folder: Path) -> list[int]:
    """Steps that have a checkpoint."""
    names = [path.name for path in folder.glob("step-*") if (path / MANIFEST).is_file()]
    return sorted(int(name[5:]) for name in names if re.fullmatch(r"step-(0|[1-9]\d{0,17})", name, re.A))


def _pointed(folder: Path, name: str) -> str | None:
    try:
        with open(folder / name, encoding="utf-8") as file:
            return file.read(100).strip()
    except (OSError, UnicodeDecodeError):
        return None


def locate(folder: Path, which: str) -> Path:
    """The folder of "last", "best" or "step-N"; where "last" was deleted, the newest that is left.

    Raises:
        CheckpointError: there is none; those that exist are listed.
    """
    name = _pointed(folder, which) if which in ("last", "best") else which
    steps = available(folder)
    if which == "last" and steps and name not in [f"step-{step}" for step in steps]:
        return folder / f"step-{steps[-1]}"
    if name in [f"step-{step}" for step in steps]:
        return folder / str(name)
    have = ", ".join(f"step-{step}" for step in steps) or "none"
    raise CheckpointError(f"no checkpoint {which!r} in {folder}; it holds: {have}.")


def newest(folder: Path) -> tuple[Checkpoint, list[CheckpointError]]:
    """The newest checkpoint that can be used, trainer's state included; what is wrong with those after it.

    Raises:
        CheckpointError: there is none.
    """
    damaged: list[CheckpointError] = []
    for step in reversed(available(folder)):
        try:
            return load(folder / f"step-{step}", trainer=True), damaged
        except CheckpointError as error:
            damaged.append(error)
    raise damaged[0] if damaged else CheckpointError(f"there is no checkpoint in {folder}.")


def load(place: Path, *, trainer: bool = False) -> Checkpoint:
    """Read a checkpoint, every file of it checked against the manifest first.

    Args:
        trainer: whether the state of the optimisers is wanted too.

    Raises:
        CheckpointError: a file is missing, damaged, or of a newer schema.
    """
    manifest = verify(place)
    checkpoint = Checkpoint(
        int(manifest["step"]), _load_tensors(place / WEIGHTS), about=manifest, digest=digest(place)
    )
    if EMA in manifest["files"]:
        checkpoint.ema = _load_tensors(place / EMA)
    if trainer:
        tensors = _load_tensors(place / f"{TRAINER}.safetensors")
        try:
            joined = _join(_read_json(place / f"{TRAINER}.json"), tensors)
            checkpoint.trainer = {"seconds": 0.0, "precision": {}, **joined}
        except (OSError, *MALFORMED) as error:
            raise CheckpointError(
                f"{place / f'{TRAINER}.json'} is no trainer's state ({short(error)}); {_instead(place)}."
            ) from None
    return checkpoint


def verify(place: Path) -> dict[str, Any]:
    """The manifest, after every file was found to be what it says.

    Raises:
        CheckpointError: naming the file, what is wrong with it, and what to use instead.
    """
    manifest, files = _manifest(place)
    needed = {WEIGHTS, f"{TRAINER}.safetensors", f"{TRAINER}.json"}
    needed |= {EMA} if (place / EMA).exists() else set()
    if unknown := needed - set(files):  # they would be read unchecked
        listed = ", ".join(sorted(unknown))
        raise CheckpointError(f"{place / MANIFEST} does not speak of {listed}; {_instead(place)}.")
    for name, (size, sha256) in files.items():
        if Path(name).name != name or not name.isprintable():
            raise CheckpointError(
                f"{place / MANIFEST} speaks of {name!r}, no file's name; {_instead(place)}."
            )
        path = place / name
        if path.is_symlink() or not path.is_file():
            raise CheckpointError(f"{path} is missing or no plain file; {_instead(place)}.")
        if path.stat().st_size != size:
            raise CheckpointError(
                f"{path} has {path.stat().st_size} bytes, its manifest says {size}; {_instead(place)}."
            )
        if _describe(path)["sha256"] != sha256:
            raise CheckpointError(f"{path} is not the file that was saved (SHA-256); {_instead(place)}.")
    return manifest


def _manifest(place: Path) -> tuple[dict[str, Any], dict[str, tuple[int, str]]]:
    """The manifest, and the size and the digest of each file that it speaks of."""
    path = place / MANIFEST
    if place.is_symlink() or path.is_symlink() or not path.is_file():
        raise CheckpointError(f"{path} is missing or no plain file; {_instead(place)}.")
    try:
        manifest = _read_json(path)
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
        raise CheckpointError(f"{path} is damaged ({short(error)}); {_instead(place)}.") from error


def seal(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest without this entry: it shows damage, and is no signature."""
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read_json(path: Path) -> Any:
    """A file's JSON; a ValueError if it is too large to be what it should."""
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"more than {MAX_JSON_BYTES:,} bytes")
    return json.loads(path.read_text(encoding="utf-8"))


def short(error: BaseException) -> str:
    """What Python says of malformed values, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:100]


def _instead(place: Path) -> str:
    """What to do about a checkpoint that cannot be used."""
    others = [step for step in available(place.parent) if f"step-{step}" != place.name]
    if not others:
        return "there is no other checkpoint: restore it from a copy, or train anew"
    return f"use checkpoint=step-{others[-1]}, or delete {place} to go on from there"


def check_belongs(checkpoint: Checkpoint, model_sha256: str, spec_sha256: str) -> None:
    """See that a checkpoint was made by the model, and on data of the spec, that its run speaks of.

    Raises:
        CheckpointError: the run's configuration or its spec (a tokeniser, say) is another one.
    """
    for key, found, file in (
        ("model_sha256", model_sha256, "the model in config.yaml"),
        ("spec_sha256", spec_sha256, "spec.json"),
    ):
        if checkpoint.about.get(key, found) != found:
            raise CheckpointError(
                f"{file} is not what step-{checkpoint.step} was trained with (SHA-256);"
                " restore the run folder from a copy."
            )


def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of tensors that hold something else than finite numbers."""
    return [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]


def check_finite(checkpoint: Checkpoint, place: Path) -> None:
    """See that every weight is a finite number.

    Raises:
        CheckpointError: one is not; the first five tensors are listed.
    """
    tensors = {**checkpoint.weights, **{f"{name} (average)": t for name, t in checkpoint.ema.items()}}
    if broken := not_finite(tensors):
        raise CheckpointError(
            f"{place} has {len(broken)} tensors that are not finite ({', '.join(broken[:5])});"
            f" {_instead(place)}, or set allow_nonfinite=true."
        )


def digest(place: Path) -> str:
    """SHA-256 of the manifest, and so of everything in the checkpoint."""
    return _describe(place / MANIFEST)["sha256"]


def _describe(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _flush(path: Path) -> None:
    """Force a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    # A tied matrix stands under two names; safetensors wants storages of their own.
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, path)


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        with open(path, "rb") as file:
            opening = file.read(2)
        # A ZIP archive or pickle's own opening: what torch.save writes, and what reading could run.
        kind = "a pickle, which could run code" if opening in (b"PK", b"\x80\x02") else f"damaged ({error})"
        raise CheckpointError(f"{path} is no safetensors file but {kind}; {_instead(path.parent)}.") from None


def _split(value: Any, tensors: dict[str, Tensor], path: str) -> Any:
    """Nested state to JSON, with tensors moved out under their path.

    Dictionaries become lists of pairs, because JSON would turn the integer keys of optimisers into strings.
    """
    if isinstance(value, Tensor):
        tensors[path] = value
        return {"tensor": path}
    if isinstance(value, Mapping):
        return {"dict": [[key, _split(item, tensors, f"{path}/{key}")] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [_split(item, tensors, f"{path}/{i}") for i, item in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{path}: a {type(value).__name__} is not plain data")


def _join(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The inverse of `_split`."""
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(value.items()))
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _join(item, tensors) for key, item in content}
    items = [_join(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items


def restore_module(
    module: torch.nn.Module, tensors: Mapping[str, Tensor], where: object = "the given file"
) -> None:
    """Load weights by name; `where` they come from is said when they do not fit.

    Raises:
        CheckpointError: names or shapes differ; the first five of each are listed.
    """
    own = module.state_dict()
    missing = sorted(set(own) - set(tensors))
    unexpected = sorted(set(tensors) - set(own))
    shapes = [name for name in own if name in tensors and own[name].shape != tensors[name].shape]
    problems = [
        f"{len(names)} {what} ({', '.join(names[:5])})"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        if names
    ]
    if problems:
        raise CheckpointError(
            f"the weights of {where} do not fit this model: {'; '.join(problems)};"
            " choose the model and data that they were trained with."
        )
    module.load_state_dict(dict(tensors))
