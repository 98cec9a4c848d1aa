"""What watches a training: budget, the recorder's choice of the best, the layout of moments."""

import copy
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from torch import nn

from genkit import callbacks, checkpoints
from genkit.callbacks import BudgetStop, Progress
from genkit.families.vae import VAE
from genkit.recording import Recorder, lay_out_as_parameters
from genkit.runs import Run
from tests.conftest import IMAGES, fit, images


@pytest.mark.parametrize(("step", "stops"), [(4, False), (5, True), (6, True)])
def test_a_budget_in_steps(step, stops):
    trainer = SimpleNamespace(global_step=step, should_stop=False)
    BudgetStop(5, None).on_train_batch_end(trainer, None)
    assert trainer.should_stop is stops


@pytest.mark.parametrize(("spent", "stops"), [(0.9, False), (1.0, True)])
def test_a_budget_in_seconds(spent, stops):
    trainer = SimpleNamespace(global_step=9, should_stop=False, is_global_zero=True)
    BudgetStop(None, 1.0).on_train_batch_end(trainer, SimpleNamespace(seconds=spent))
    assert trainer.should_stop is stops


class Counted:
    """A term of a device, which reading waits for."""

    def __init__(self):
        self.read = 0

    def __float__(self):
        self.read += 1
        return 1.0


def test_the_bar_does_not_wait_for_the_device_at_every_step(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(now) / 100)
    bar, term = Progress(), Counted()
    bar._metric_component = SimpleNamespace(update=lambda metrics: None)
    trainer = SimpleNamespace(callback_metrics={}, state=SimpleNamespace(fn="fit"))
    module = SimpleNamespace(terms={"nll": term})
    for _ in range(100):  # in a second
        bar._update_metrics(trainer, module)
    assert term.read == 2
    bar.on_train_epoch_end(trainer, module)
    assert term.read == 3


# ---------------------------------------------------------------------- the recorder


class Scripted(VAE):
    """A VAE whose validation term is the next number of a list."""

    values = ()

    def score_batch(self, batch, noise):
        terms = super().score_batch(batch, noise)
        if not self.training and noise.purpose == "validation":
            step = self.global_step // 2 - 1
            return {**terms, "neg_elbo": torch.full_like(terms["neg_elbo"], self.values[step])}
        return terms


def test_the_lowest_term_is_the_best_and_stays(tmp_path):
    run = Run.create(tmp_path, "run")
    module = Scripted(IMAGES, network="mlp", latent_size=2, hidden=8)
    module.values = [3.0, 1.0, 1.0, 2.0, 5.0]
    recorder = Recorder(run, every=None, keep=1, select="val/neg_elbo", about={"family": "vae"})
    batches = [images(4, seed) for seed in range(10)]
    fit(module, batches, [images(4)], callbacks=[recorder], val_check_interval=2)
    assert run.record()["best"] == {"step": 4, "metric": "val/neg_elbo", "value": 1.0}
    assert checkpoints.available(run.checkpoints) == [4, 10]
    assert checkpoints.locate(run.checkpoints, "best").name == "step-4"
    assert run.record()["final"]["step"] == 10
    loaded = checkpoints.load(checkpoints.locate(run.checkpoints, "last"), trainer=True)
    assert loaded.about["family"] == "vae"
    assert len(loaded.trainer["optimizers"]) == 1


def test_without_a_term_there_is_no_best(tmp_path):
    run = Run.create(tmp_path, "run")
    module = VAE(IMAGES, network="mlp", latent_size=2, hidden=8)
    recorder = Recorder(run, every=3, keep=2, select=None, about={})
    fit(module, [images(4)] * 8, [images(4)], callbacks=[recorder], val_check_interval=2)
    assert checkpoints.available(run.checkpoints) == [6, 8]
    assert not (run.checkpoints / "best").exists()
    assert "best" not in run.record()


# ---------------------------------------------------------------------- resuming


def test_loaded_moments_lie_in_memory_as_their_parameters():
    def step(layer, optimizer):
        torch.manual_seed(0)
        layer(torch.randn(2, 3, 8, 8)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    def made():
        torch.manual_seed(1)
        layer = nn.Conv2d(3, 5, 3).to(memory_format=torch.channels_last)
        return layer, torch.optim.Adam(layer.parameters(), fused=True)

    (one, optimizer), (two, other) = made(), made()
    step(one, optimizer)
    step(two, other)
    saved = copy.deepcopy(optimizer.state_dict())
    for state in saved["state"].values():  # as a file returns them
        state.update({key: value.contiguous().clone() for key, value in state.items()})
    other.load_state_dict(saved)
    lay_out_as_parameters(other)
    assert other.state[two.weight]["exp_avg"].stride() == two.weight.stride()
    step(one, optimizer)
    step(two, other)
    assert torch.equal(one.weight, two.weight)


@pytest.mark.parametrize(("width", "names"), [(80, ["a"]), (85, ["a", "val/a"]), (200, ["a", "val/a", "bb"])])
def test_the_bar_shows_as_many_terms_as_stand_on_its_line(width, names):
    bar = Progress()
    bar._console = Console(width=width)
    module = SimpleNamespace(terms={"a": torch.tensor(1.23456), "bb": 2.0})
    trainer = SimpleNamespace(callback_metrics={"val/a": torch.tensor(0.5), "step": torch.tensor(3.0)})
    shown = bar.get_metrics(trainer, module)
    assert list(shown) == names
    assert shown["a"] == "1.235"
