"""Damaged checkpoints: refused, with the file and the reason; beside torch.load and safetensors alone."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

import genkit as library
from genkit.runs import checkpoints
from genkit.system.errors import CheckpointError
from tools.reliability.processes import genkit
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import MODELS, words

FILES = ("manifest.json", "weights.safetensors", "ema.safetensors", "trainer.safetensors", "trainer.json")
FLIPS = 10  # of each file
_lock = threading.Lock()
_made: dict[str, Path] = {}


def trained(family: str) -> Path:
    """A run with averaged weights, made once."""
    with _lock:
        if family not in _made:
            folder = Path(tempfile.mkdtemp(prefix="genkit-damaged-"))
            typed = words(family, folder, "run", "budget.steps=6", "optim.ema=0.9", setting="averaged")
            answer = genkit(*typed)
            assert answer.code == 0, answer.err
            _made[family] = folder / "run"
    return _made[family]


def flipped(content: bytes, seed: int) -> bytes:
    """With one bit changed."""
    draw, changed = random.Random(seed), bytearray(content)
    changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _write(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        file.write_bytes(change(file.read_bytes()))

    return damage


def _directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _link(file: Path) -> None:
    moved = file.parent.parent.parent / "elsewhere"
    file.rename(moved)
    file.symlink_to(moved)


DAMAGES: dict[str, Callable[[Path], None]] = {
    **{f"bit {seed}": _write(lambda content, seed=seed: flipped(content, seed)) for seed in range(FLIPS)},
    "empty": _write(lambda content: b""),
    "one byte": _write(lambda content: content[:1]),
    "half": _write(lambda content: content[: len(content) // 2]),
    "one byte less": _write(lambda content: content[:-2]),  # (a JSON file ends with a newline)
    "missing": lambda file: file.unlink(),
    "directory": _directory,
    "fifo": _fifo,
    "link out": _link,
}


def damaged(family: str, name: str, kind: str) -> Trial:
    def trial(folder: Path) -> None:
        shutil.copytree(trained(family), folder / "run")
        place = folder / "run" / "checkpoints" / "step-6"
        DAMAGES[kind](place / name)
        loads = [lambda: checkpoints.load(place, trainer=True)]
        if not (name.startswith("trainer") and kind.startswith("bit ")):  # drawing reads none of that
            loads.append(lambda: library.load(folder / "run", checkpoint="step-6"))
        for load in loads:
            try:
                load()
            except CheckpointError as error:
                said = str(error)
                # Where the manifest itself is gone, the folder is no checkpoint any more, and is named.
                assert name in said or (name == "manifest.json" and "step-6" in said), said
                assert "\n" not in said
            else:
                raise AssertionError("it was loaded")

    return trial


def neighbours() -> list[tuple[int, int, str]]:
    """How many of as many flipped bits the formats notice by themselves."""
    weights = load_file(trained("vae") / "checkpoints" / "step-6" / "weights.safetensors")
    folder = Path(tempfile.mkdtemp(prefix="genkit-formats-"))
    counted = []
    for name, load in (("torch.load", torch.load), ("safetensors", load_file)):
        file = folder / name
        if name == "torch.load":
            torch.save(weights, file)
        else:
            shutil.copy(trained("vae") / "checkpoints" / "step-6" / "weights.safetensors", file)
        content, noticed = file.read_bytes(), 0
        for seed in range(200):
            file.write_bytes(flipped(content, seed))
            try:
                load(file)
            except Exception:
                noticed += 1
        counted.append((noticed, 200, f"{name} alone, of flipped bits"))
    shutil.rmtree(folder)
    return counted


ROW = Row(
    "flipped bits, truncated and replaced files refused, with the file and the reason",
    {
        f"{family} {name} {kind}": damaged(family, name, kind)
        for family in MODELS
        for name in FILES
        for kind in DAMAGES
    },
    neighbours,
    share=13,
)
