"""Checkpoints: folders of safetensors and JSON, whole or absent, and never code.

checkpoints/step-N/weights.safetensors   the module's state
                   ema.safetensors       the moving average, where there is one
                   trainer.safetensors   tensors of the optimisers
                   trainer.json          everything else of the optimisers, counters, clock
                   manifest.json         sizes and SHA-256 of all, its own too; what the checkpoint belongs to
checkpoints/last, checkpoints/best       text files that name a step-N folder
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from genkit.runs import manifests, write_atomically
from genkit.runs.manifests import (
    EMA,
    MALFORMED,
    MANIFEST,
    POINTERS,
    SCHEMA,
    TRAINER,
    WEIGHTS,
    available,
    describe,
    digest,
    instead,
    pointed,
    read_json,
    seal,
    short,
    unsafe_format,
    verify,
)
from genkit.runs.manifests import locate as locate
from genkit.runs.optimizer_states import join_state, split_state
from genkit.system import storage
from genkit.system.errors import CheckpointError, StorageError
from genkit.system.headers import read_header
from genkit.system.schemas import Optional, conform

# What a trainer's state says, as far as it is no state of an optimiser.
STATE = {
    **{"optimizers?": list, "precision?": dict, "seconds?": float, "wall_seconds?": float, "charged?": str},
    **{"validated?": bool, "best?": Optional({"step": int, "metric?": str | None, "value?": float | None})},
    "callbacks?": {str: {"wait_count?": int, "sums?": {str: list}, "probes?": dict}},
}
LONGEST = 1e10  # seconds of a training: 300 years


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
    plain = split_state(checkpoint.trainer, tensors, "")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        _save_tensors(temporary / WEIGHTS, checkpoint.weights)
        if checkpoint.ema:
            _save_tensors(temporary / EMA, checkpoint.ema)
        _save_tensors(temporary / f"{TRAINER}.safetensors", tensors)
        (temporary / f"{TRAINER}.json").write_text(json.dumps(plain), encoding="utf-8")
        files = {path.name: describe(path) for path in sorted(temporary.iterdir())}
        manifest = {"schema": SCHEMA, "step": checkpoint.step, **checkpoint.about, "files": files}
        manifest["sha256"] = seal(manifest)
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        storage.flush_all(temporary)
        _put(temporary, place)
        storage.flush(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StorageError(f"cannot write {place}: {error}. Free space, then resume the run.") from error
    point(folder, "last", checkpoint.step)
    return place


def point(folder: Path, name: str, step: int) -> None:
    """Let the pointer `name` ("last", "best") name the checkpoint of a step."""
    if pointed(folder, name) != f"step-{step}":
        write_atomically(folder / name, f"step-{step}\n")


def prune(folder: Path, keep: int) -> None:
    """Delete all but the `keep` newest checkpoints and those that a pointer names.

    Raises:
        StorageError: the newest cannot be read back; nothing is deleted.
    """
    steps = sorted(available(folder))
    named = {pointed(folder, name) for name in ("last", "best")}
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


def load_named(folder: Path, which: str) -> tuple[Path, Checkpoint]:
    """The checkpoint that "last", "best" or "step-N" names, and its place.

    A trainer may delete what `last` named a moment ago: then it names another one by now.

    Raises:
        CheckpointError: as `locate` and `load`.
    """
    while True:
        place = locate(folder, which)
        try:
            return place, load(place)
        except CheckpointError:
            if which not in POINTERS or (place / MANIFEST).exists() or locate(folder, which) == place:
                raise


def load(place: Path, *, trainer: bool = False) -> Checkpoint:
    """Read a checkpoint, each file that is read checked against the manifest first.

    Args:
        trainer: whether the state of the optimisers is wanted too; else it is neither read nor hashed.

    Raises:
        CheckpointError: a file is missing, damaged, or of a newer schema.
    """
    manifest = verify(place, trainer=trainer)
    checkpoint = Checkpoint(
        int(manifest["step"]), _load_tensors(place / WEIGHTS), about=manifest, digest=_digest(place)
    )
    if EMA in manifest["files"]:
        checkpoint.ema = _load_tensors(place / EMA)
    if trainer:
        tensors = _load_tensors(place / f"{TRAINER}.safetensors")
        try:
            joined = conform(join_state(read_json(place / f"{TRAINER}.json"), tensors), STATE)
            if not all(0 <= joined.get(name, 0.0) < LONGEST for name in ("seconds", "wall_seconds")):
                raise ValueError("its seconds are none")
            once = {"wall_seconds": joined.get("seconds", 0.0), "charged": "validations and checkpoints too"}
            checkpoint.trainer = {"seconds": 0.0, **once, "precision": {}, **joined}
        except (OSError, *MALFORMED) as error:
            raise CheckpointError(
                f"{place / f'{TRAINER}.json'} is no trainer's state ({short(error)}); {instead(place)}."
            ) from None
    return checkpoint


def check_belongs(checkpoint: Checkpoint, model_sha256: str, spec_sha256: str) -> None:
    """See that a checkpoint was made by the model, and on data of the spec, that its run speaks of.

    Raises:
        CheckpointError: the run's configuration or its spec (a tokeniser, say) is another one.
    """
    manifests.check_belongs(checkpoint.about, model_sha256, spec_sha256)


def check_family(checkpoint: Checkpoint, family: str, where: object) -> None:
    """See that a checkpoint is of a family, before its tensors are compared one by one.

    Raises:
        CheckpointError: it is of another one.
    """
    manifests.check_family(checkpoint.about.get("family"), family, where)


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
            f" {instead(place)}, or set allow_nonfinite=true."
        )


def _digest(place: Path) -> str:
    try:
        return digest(place)
    except OSError as error:
        raise CheckpointError(f"{place} was deleted while it was read; {instead(place)}.") from error


def _save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    # A tied matrix stands under two names; safetensors wants storages of their own.
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, path)


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        if not read_header(path) and path.name in (WEIGHTS, EMA):  # (an optimiser may keep nothing)
            raise ValueError("it holds no tensors")
        return load_file(path)
    except (OSError, SafetensorError, RuntimeError, *MALFORMED) as error:
        if not path.exists():
            raise CheckpointError(f"{path} was deleted while it was read; {instead(path.parent)}.") from None
        kind = unsafe_format(path) or f"damaged ({short(error)})"
        raise CheckpointError(f"{path} is no safetensors file but {kind}; {instead(path.parent)}.") from None


def _unwrapped(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by the names that they have in the module which was wrapped."""
    return {
        name.replace("_orig_mod.", "").removeprefix("module."): tensor
        for name, tensor in tensors.items()
        if name != "n_averaged"
    }


def restore_module(
    module: torch.nn.Module, tensors: Mapping[str, Tensor], where: object = "the given file"
) -> None:
    """Load weights by name; `where` they come from is said when they do not fit.

    What wraps a module (torch.compile, DistributedDataParallel, AveragedModel) and is part of the names
    then is left out of them.

    Raises:
        CheckpointError: names or shapes differ; the first five of each are listed.
    """
    own = module.state_dict()
    if set(unwrapped := _unwrapped(tensors)) == set(own):
        tensors = unwrapped
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
