"""The library without the command line: what a notebook types."""

from __future__ import annotations

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

import genkit
from genkit.families.vae import VAE
from genkit.system.errors import ConfigError
from tests.conftest import IMAGES, Batches, images


def test_a_run_is_loaded_by_its_name_from_where_runs_are(trained, tmp_path, monkeypatch):
    run = trained("vae")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(run.parent))
    assert genkit.load(run.name).origin["run"] == run.name
    monkeypatch.delenv("GENKIT_RUNS_DIR")
    with pytest.raises(ConfigError, match="no run 'vae' here or in runs"):
        genkit.load(run.name)
    assert genkit.load(run).origin["run"] == run.name


def trainer():
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return pl.Trainer(max_epochs=1, accelerator="cpu", **quiet)


@pytest.mark.filterwarnings("ignore")
def test_a_family_in_a_trainer_of_lightnings_says_what_it_needs():
    module = VAE(IMAGES, width=4, hidden=8, latent_size=2)
    with pytest.raises(ConfigError, match="VAE has no plan: train it by"):
        trainer().fit(module, Batches([images(4)]))


@pytest.mark.filterwarnings("ignore")
def test_a_loader_of_tensors_is_told_what_a_batch_is():
    from genkit.core.plan import TrainingPlan
    from genkit.testing import OPTIM

    module = VAE(IMAGES, width=4, hidden=8, latent_size=2)
    module.plan = TrainingPlan(optim=OPTIM)
    with pytest.raises(ConfigError, match=r"learns from .*Batch\(data, rows\), not from list"):
        trainer().fit(module, DataLoader(TensorDataset(torch.zeros(4, 1, 8, 8)), batch_size=2))


def test_every_name_that_is_exported_exists():
    for name in genkit.__all__:
        assert getattr(genkit, name) is not None
