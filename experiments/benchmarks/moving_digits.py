"""How fast clips of moving digits are made by the loader that training reads from, beside a loop in Python.

    python experiments/benchmarks/moving_digits.py [out=moving_digits.json] [seconds=2] [clock=wall | cpu]

Ours is the stream of training batches as the trainer reads it: the order of the epoch, clips of it, labels.
The peer makes one clip after another and one frame after another with NumPy, as the loaders of published
repositories do, from the same pictures, as a dataset of torch behind a DataLoader without workers.  Both run
in one thread, in turns, each several times; the fastest counts.  MNIST is read from paths.data_dir
(GENKIT_DATA_DIR).
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from clocks import CLOCKS
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from genkit import config
from genkit.core.spec import View
from genkit.data import open_dataset
from genkit.data.dataset import ArrayExamples
from genkit.data.loading import DataModule
from genkit.data.video.bouncing import BouncingDigits, Motion

BATCH, TURNS = 64, 3
SETS = (
    ("moving_digits, 8×16×16, one digit", ("data=moving_digits",)),
    (
        "moving_mnist, 16×32×32, one digit",
        ("data=moving_mnist", "data.size=32", "data.frames=16", "data.objects=1"),
    ),
    ("moving_mnist, 20×64×64, two digits", ("data=moving_mnist",)),
)


class OneByOne(Dataset[torch.Tensor]):
    """Clips by a loop over digits and frames, made anew at every reading."""

    def __init__(self, motion: Motion, pictures: np.ndarray, count: int) -> None:
        self.motion, self.pictures, self.count = motion, pictures, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> torch.Tensor:
        motion = self.motion
        clip = np.zeros((motion.frames, motion.size, motion.size), np.uint8)
        for _ in range(motion.objects):
            picture = self.pictures[random.randrange(len(self.pictures))]
            y, x, angle = random.random(), random.random(), random.random() * 2 * math.pi
            dy, dx = math.sin(angle), math.cos(angle)
            for frame in clip:
                top, left = int(y * motion.free), int(x * motion.free)
                seen = frame[top : top + motion.side, left : left + motion.side]
                np.maximum(seen, picture, out=seen)
                y, x = y + dy * motion.speed, x + dx * motion.speed
                if not 0 < y < 1:
                    y, dy = min(max(y, 0.0), 1.0), -dy
                if not 0 < x < 1:
                    x, dx = min(max(x, 0.0), 1.0), -dx
        return torch.from_numpy(clip[None])


def rate(batches: Iterator[object], seconds: float, clock: Callable[[], float]) -> float:
    """Clips a second, after a first batch."""
    next(batches)
    started, made = clock(), 0
    while clock() - started < seconds:
        next(batches)
        made += BATCH
    return made / (clock() - started)


def endless(loader: Iterable[object]) -> Iterator[object]:
    while True:
        yield from loader


def measured(
    words: Iterable[str], cache_dir: str, seconds: float, clock: Callable[[], float]
) -> tuple[float, float]:
    """Clips a second of ours and of the peer."""
    cfg = config.compose("train", [*words, *more(words), f"paths.cache_dir={cache_dir}"])
    dataset = open_dataset(cfg.data, cfg.paths.by_name, View("arrays"))
    examples = dataset.split("train")
    assert isinstance(examples, ArrayExamples)
    arrays = getattr(examples.images, "computed", examples.images)
    assert isinstance(arrays, BouncingDigits)
    peer = OneByOne(arrays.motion, arrays.casts["train"].pictures, len(examples))
    ours = iter(DataModule(dataset, seed=0, batch_size=BATCH).train_stream(0, None))
    theirs = endless(DataLoader(peer, BATCH, shuffle=True, drop_last=True))
    turns = [(rate(ours, seconds, clock), rate(theirs, seconds, clock)) for _ in range(TURNS)]
    return max(own for own, _ in turns), max(other for _, other in turns)


def more(words: Iterable[str]) -> list[str]:
    """(Of the test part, which is read as any packed data is, only as much as may be.)"""
    return ["data.tested=100", "data.download=false"] if "data=moving_mnist" in words else []


def main() -> None:
    given = dict(word.partition("=")[::2] for word in sys.argv[1:])
    torch.set_num_threads(1)
    rows, clock = [], CLOCKS[given.get("clock", "wall")]
    table = Table("data", "clips/s", "peer, clips/s", "ours / peer")
    with tempfile.TemporaryDirectory() as scratch:
        for what, words in SETS:
            ours, peer = measured(words, scratch, float(given.get("seconds", 2)), clock)
            table.add_row(what, f"{ours:,.0f}", f"{peer:,.0f}", f"{ours / peer:.3g}")
            rows.append({"what": what, "unit": "clips/s", "ours": ours, "peer": peer})
    Console().print(table)
    about = {"cores": len(os.sched_getaffinity(0)), "torch": torch.__version__, "rows": rows}
    out = Path(given.get("out", "moving_digits.json"))
    out.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    Console().print(out)


if __name__ == "__main__":
    main()
