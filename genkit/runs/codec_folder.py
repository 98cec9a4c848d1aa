"""The codec of a run: the run whose model made the codes of its data, copied into it as `codec/`.

What is copied is a run folder again, of what loading needs: configuration, spec, record, and one checkpoint
with the averaged weights where there are any.  So it is checked, verified and loaded as any run is.
Nothing here imports torch before something is copied.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from genkit import config
from genkit.runs import manifests
from genkit.runs.contents import read, spec_digest
from genkit.runs.layout import CODEC, CONFIG, RECORD, SPEC
from genkit.runs.lookup import find
from genkit.system import storage
from genkit.system.errors import CheckpointError, ConfigError, StorageError
from genkit.system.headers import read_header
from genkit.system.plain import open_file
from genkit.system.schemas import typed

CAPABILITY = "Tokenizer"
OF_THE_MANIFEST = ("schema", "step", "files", "sha256")


def source(codec: str, runs_dir: str | Path) -> Path:
    """The folder of the run that `data.codec` names.

    Raises:
        ConfigError: there is none, it was not trained to its end, its model makes no codes, or it has a codec
            itself.
        CheckpointError: it is damaged.
    """
    folder = find(codec, runs_dir)
    record = read(folder)
    if record.status != "finished":
        how = "is being trained" if record.status == "running" else f"is {record.status or 'not trained'}"
        raise ConfigError(f"data.codec={codec} {how}: codes are made by a run that has finished.")
    if (folder / CODEC).exists():
        raise ConfigError(f"data.codec={codec} reads codes itself; give the run that made those.")
    if CAPABILITY not in record.capabilities:
        has = ", ".join(record.capabilities) or "nothing"
        raise ConfigError(
            f"data.codec={codec} is a {record.family or 'run'}, which makes no codes (it declares {has}):"
            " train one with model=codes."
        )
    return folder


def copy(source: Path, run: Path) -> None:
    """Put the codec of a run into its folder, whole or not at all.

    Raises:
        CheckpointError: it is damaged.
        StorageError: the disk is full or cannot be written.
    """
    from genkit.runs import checkpoints

    place, saved = checkpoints.load_named(source / "checkpoints", "last")
    checkpoints.check_finite(saved, place)
    about = {key: value for key, value in saved.about.items() if key not in OF_THE_MANIFEST}
    averaged = checkpoints.Checkpoint(saved.step, {**saved.weights, **saved.ema}, about=about)
    temporary = run / f".{CODEC}.{os.getpid()}"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        for name in (CONFIG, SPEC, RECORD):
            shutil.copyfile(source / name, temporary / name)
        checkpoints.save(temporary / "checkpoints", averaged)
        storage.flush_all(temporary)
        os.rename(temporary, run / CODEC)
        storage.flush(run)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StorageError(f"cannot write {run / CODEC}: {error}. Free space, then train again.") from error


def sha256(folder: Path) -> str:
    """SHA-256 of the model of a run: of its configuration, what it reads, and its weights, those that are
    averaged so.  A run and its copy have one.

    Raises:
        CheckpointError: the run is damaged.
    """
    cfg = config.load_frozen(folder / CONFIG)
    place = manifests.locate(folder / "checkpoints", "last")
    sha = hashlib.sha256(json.dumps([config.digest(cfg.plain["model"]), spec_digest(folder)]).encode())
    try:
        tensors = dict(_tensors(place / manifests.WEIGHTS))
        if (place / manifests.EMA).exists():
            tensors |= dict(_tensors(place / manifests.EMA))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{place} is damaged ({manifests.short(error)}); restore it.") from None
    for name in sorted(tensors):
        said, content = tensors[name]
        sha.update(f"{name}{said}".encode())
        sha.update(content)
    return sha.hexdigest()


def _tensors(path: Path) -> Iterator[tuple[str, tuple[str, bytes]]]:
    """Of each tensor of a safetensors file its name, its type and shape in words, and its bytes."""
    header = read_header(path)
    with open_file(path) as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        for name, entry in header.items():
            begin, end = typed(entry["data_offsets"], tuple[int, int], "data_offsets")
            file.seek(start + begin)
            yield name, (f"{entry['dtype']}{entry['shape']}", file.read(end - begin))


def check(folder: Path, wanted: str) -> None:
    """See that the codec in a run's folder is the one that its data were coded with.

    Args:
        wanted: its SHA-256, as the run's spec has it.

    Raises:
        CheckpointError: it is missing, damaged or another.
    """
    if not (folder / CODEC / CONFIG).is_file():
        raise CheckpointError(
            f"{folder / CODEC} is missing: it has the model that reads the codes of {folder.name};"
            " restore it from a copy."
        )
    if sha256(folder / CODEC) != wanted:
        raise CheckpointError(
            f"{folder / CODEC} is not the model whose codes {folder.name} was trained on (SHA-256);"
            " restore it from a copy."
        )
