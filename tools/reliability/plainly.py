"""Lightning by itself: how often a training that goes on from a checkpoint ends as one without a stop."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

STEPS, EPOCHS = 24, 2


class Plain(pl.LightningModule):
    """A small classifier, as a tutorial has it."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 4))

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def fit(folder: Path, checkpoint: Path | None, *, random: bool) -> bytes:
    """The weights after a training of two epochs, begun anew or from a checkpoint; each script seeds first.

    Args:
        random: whether the data is shuffled and there is dropout.
    """
    pl.seed_everything(0, verbose=False)
    generator = torch.Generator().manual_seed(1)
    data = TensorDataset(
        torch.randn(12 * 8, 16, generator=generator), torch.randint(0, 4, (12 * 8,), generator=generator)
    )
    keep: list[Any] = []
    if checkpoint is None:
        keep = [ModelCheckpoint(folder, "{step}", every_n_train_steps=1, save_top_k=-1)]
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        callbacks=keep,
        logger=False,
        enable_checkpointing=bool(keep),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Plain(0.1 if random else 0.0)
    trainer.fit(module, DataLoader(data, batch_size=8, shuffle=random), ckpt_path=checkpoint)
    return b"".join(tensor.numpy().tobytes() for tensor in module.state_dict().values())


def resumed() -> list[tuple[int, int, str]]:
    """At every batch of a training of 24 steps, with shuffled data and dropout, and without."""
    counted = []
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for random, said in ((True, "with shuffle and dropout"), (False, "without")):
            folder = Path(tempfile.mkdtemp(prefix="genkit-lightning-"))
            wanted = fit(folder, None, random=random)
            places = [folder / f"step={step}.ckpt" for step in range(1, STEPS)]
            same = sum(fit(folder, place, random=random) == wanted for place in places)
            counted.append((same, len(places), f"Lightning's ckpt_path {said}"))
            shutil.rmtree(folder)
    return counted
