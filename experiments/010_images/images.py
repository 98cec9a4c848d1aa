"""A run and the images that it was trained and is tested on, as its model sees them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import genkit
from genkit import config, runs
from genkit.core.batch import Batch
from genkit.core.module import GenerativeModule
from genkit.data import open_dataset
from genkit.data.dataset import Dataset

AT_ONCE = 1000


class Opened:
    """A run folder: its model and its data.

    Args:
        run: the folder.  GENKIT_DATA_DIR and GENKIT_CACHE_DIR say where data lie.
    """

    def __init__(self, run: str) -> None:
        self.name = Path(run).name
        self.module: GenerativeModule = genkit.load(run)
        cfg = config.load_frozen(Path(run) / runs.CONFIG)
        paths = config.paths([])
        self.dataset: Dataset = open_dataset(cfg.data, paths, config.view(cfg))

    def batch(self, split: str, limit: int | None = None) -> Batch:
        """The first examples of a split as images (N, C, H, W) in [0, 1], with their labels."""
        examples = self.dataset.split(split)
        count = min(limit or len(examples), len(examples))
        images: list[Tensor] = []
        labels: list[Tensor] = []
        for start in range(0, count, AT_ONCE):
            rows = range(start, min(start + AT_ONCE, count))
            data, classes, _ = examples.gather(np.arange(rows.start, rows.stop))
            assert classes is not None
            images.append(self.module.as_arrays(Batch(torch.from_numpy(data), rows)).data)
            labels.append(torch.from_numpy(classes).long())
        return Batch(torch.cat(images), range(count), torch.cat(labels))


def threads() -> None:
    """As many as OMP_NUM_THREADS says."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
