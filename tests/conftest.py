"""Shared by all tests: small modules, a trainer with nothing around it, the place of real data."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import msgspec
import pytest
import pytorch_lightning as pl
import torch

from genkit.config.declared import data_knobs
from genkit.core.batch import Batch
from genkit.core.budget import Budget
from genkit.core.codecs import CharCodec
from genkit.core.plan import TrainingPlan
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.data import open_dataset
from genkit.testing import OPTIM

IMAGES = ArraySpec(1, (8, 8), levels=17)
TEXT = TokenSpec(CharCodec.of("abcdefgh\n"))


def images(n: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    data = torch.randint(0, 17, (n, 1, 8, 8), generator=generator, dtype=torch.uint8)
    return Batch(data, range(n))


def tokens(n: int, seed: int = 0, length: int = 9) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.randint(0, 9, (n, length), generator=generator), range(n))


class Batches:
    """One loader in Lightning's eyes; a list would be several."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


def fit(module, batches, val=None, plan=None, callbacks=(), **trainer):
    """Train on the given batches and return the trainer."""
    settings = {"optim": OPTIM, "budget": Budget("steps", len(batches)), "total_steps": len(batches)}
    module.plan = TrainingPlan(**{**settings, **(plan or {})})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = pl.Trainer(
            **{"accelerator": "cpu", **trainer},
            devices=1,
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            inference_mode=False,
            callbacks=list(callbacks),
        )
        made.fit(module, Batches(batches), Batches(val) if val else None)
    return made


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with real MNIST and tinyshakespeare; tests that need it are skipped without."""
    folder = Path(os.environ.get("GENKIT_DATA_DIR", "data"))
    if not (folder / "tinyshakespeare.txt").is_file():
        pytest.skip("GENKIT_DATA_DIR holds no tinyshakespeare.txt")
    return folder.absolute()


def knobs_for(plain):
    """The knobs of a dataset by plain values; those that it has not are left out."""
    declared = data_knobs(plain)
    own = {key: value for key, value in plain.items() if key in declared.__struct_fields__}
    return msgspec.convert(own, declared)


def open_plain(plain, paths, view):
    """A dataset by plain values."""
    return open_dataset(knobs_for(plain), paths, view)
