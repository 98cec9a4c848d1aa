"""What watches a training: budget, the recorder's choice of the best, the layout of moments."""

import copy
import dataclasses
import io
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning.callbacks import Callback
from rich.console import Console
from torch import nn

from genkit.core import clock
from genkit.core.budget import Budget
from genkit.families.vae import VAE
from genkit.runs import Best, Run, checkpoints
from genkit.testing import OPTIM
from genkit.training import callbacks
from genkit.training.callbacks import BudgetStop, Lines, Progress, SampleWriter
from genkit.training.checkpointing import Recorder, lay_out_as_parameters
from tests.conftest import IMAGES, fit, images


@pytest.mark.parametrize(("step", "stops"), [(4, False), (5, True), (6, True)])
def test_a_budget_in_steps(step, stops):
    trainer = SimpleNamespace(global_step=step, should_stop=False)
    BudgetStop(5, None).on_train_batch_end(trainer, None)
    assert trainer.should_stop is stops


@pytest.mark.parametrize(("spent", "stops"), [(0.9, False), (1.0, True)])
def test_a_budget_in_seconds(spent, stops):
    trainer = SimpleNamespace(global_step=9, should_stop=False, is_global_zero=True)
    BudgetStop(None, 1.0).on_train_batch_end(
        trainer, SimpleNamespace(clock=SimpleNamespace(seconds=spent, agreed=0.0))
    )
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


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_bar_shows_what_was_validated_and_no_health(width):
    bar = Progress()
    bar._console = Console(width=width)
    found = {"health/rank": 0.5, "health/copies": 0.1, "val/neg_elbo": 34.5678, "val/kl": 3.0}
    module = SimpleNamespace(terms={"a_term_of_the_step": 40.0, "kl": 2.0})
    shown = bar.get_metrics(SimpleNamespace(callback_metrics=found), module)
    assert next(iter(shown.items())) == ("val/neg_elbo", "34.57")
    assert not [name for name in shown if name.startswith("health/")]
    assert ("kl" in shown) == (width == 200)


def test_a_line_has_the_step_s_terms_and_what_was_validated_and_no_health():
    console = Console(width=200, record=True, file=io.StringIO())
    found = {"health/rank": torch.tensor(0.5), "val/kl": torch.tensor(3.0)}
    module = SimpleNamespace(terms={"kl": 2.0}, clock=SimpleNamespace(seconds=1.23))
    Lines(console, 10).on_validation_end(
        SimpleNamespace(is_global_zero=True, global_step=5, callback_metrics=found), module
    )
    assert console.export_text() == "step 5/10  kl 2.0000  val/kl 3.0000  (1.2 s)\n"


# ---------------------------------------------------------------------- the clock


class Slow(VAE):
    """A VAE whose steps take a second each, a validation's batch a hundred, drawing a thousand."""

    now = 0.0

    def phases(self):
        (phase,) = super().phases()

        def loss(batch, noise):
            Slow.now += 1
            return phase.loss(batch, noise)

        return (dataclasses.replace(phase, loss=loss),)

    def score_batch(self, batch, noise):
        if noise.purpose == "validation":
            Slow.now += 100
        return super().score_batch(batch, noise)

    def draw(self, noise, condition, options):
        Slow.now += 1000
        return super().draw(noise, condition, options)


@pytest.fixture
def slow(monkeypatch, tmp_path):
    """Train such a model for some of its seconds; the run's record, and the rates of its steps."""
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: Slow.now))
    save = checkpoints.save

    def saved(*args):
        Slow.now += 10_000
        save(*args)

    monkeypatch.setattr(checkpoints, "save", saved)

    def train(seconds, before=(0.0, 0.0)):
        Slow.now, rates = 5_000_000.0, []
        run = Run.create(tmp_path, "run")
        recorder = Recorder(run, every=3, keep=1, select=None, about={"family": "vae"})
        watch = [BudgetStop(None, seconds), SampleWriter(run, 1, None), recorder, Rates(rates)]
        plan = {"budget": Budget("seconds", seconds), "total_steps": None}
        plan |= {"optim": {**OPTIM, "warmup": 0, "schedule": "linear", "final": 0.0}}
        plan |= dict(zip(("seconds_before", "wall_seconds_before"), before, strict=True))
        module = Slow(IMAGES, network="mlp", latent_size=2, hidden=8)
        batches = [images(4, seed) for seed in range(50)]
        fit(module, batches, [images(4)], plan, watch, val_check_interval=2)
        return (
            run.record(),
            rates,
            checkpoints.load(checkpoints.locate(run.checkpoints, "last"), trainer=True),
        )

    return train


class Rates(Callback):
    def __init__(self, seen):
        self.seen = seen

    def on_train_batch_end(self, trainer, module, *args):
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


def test_a_budget_of_seconds_is_charged_for_steps_alone(slow):
    record, rates, last = slow(8)
    assert (record.step, record.seconds) == (8, 8.0)
    validations, checkpoints_written = 4, 3  # after every second step; at steps 3 and 6, and at the end
    assert record.wall_seconds == 8 + validations * 1100 + checkpoints_written * 10_000
    assert rates == pytest.approx([OPTIM["lr"] * (1 - i / 8) for i in range(8)])
    assert last.trainer["seconds"] == 8.0


def test_charged_and_wall_seconds_of_parts_add_up(slow):
    record, rates, _ = slow(8, before=(5.0, 700.0))
    assert (record.step, record.seconds) == (3, 8.0)
    assert record.wall_seconds == 700 + 3 + 2 * 1100 + 2 * 10_000  # before and after the last validation
    assert rates == pytest.approx([OPTIM["lr"] * (1 - i / 8) for i in (5, 6, 7)])


def test_processes_go_by_the_first_ones_clock():
    module = SimpleNamespace(clock=clock.Clock())
    trainer = SimpleNamespace(global_step=9, should_stop=False, is_global_zero=False)
    stop, said = BudgetStop(None, 10.0), iter([0, 4_000_000, 10_000_000])
    stop._spent = SimpleNamespace(late=lambda own: next(said))
    for agreed, over in [(0.0, False), (4.0, False), (10.0, True)]:
        stop.on_train_batch_end(trainer, module)
        assert (module.clock.agreed, trainer.should_stop) == (agreed, over)


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
    assert run.record().best == Best(4, "val/neg_elbo", 1.0)
    assert checkpoints.available(run.checkpoints) == [4, 10]
    assert checkpoints.locate(run.checkpoints, "best").name == "step-4"
    assert run.record().final["step"] == 10
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
    assert run.record().best is None


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


@pytest.mark.parametrize(
    ("width", "names"), [(80, ["val/a"]), (85, ["val/a", "a"]), (200, ["val/a", "a", "bb"])]
)
def test_the_bar_shows_as_many_terms_as_stand_on_its_line(width, names):
    bar = Progress()
    bar._console = Console(width=width)
    module = SimpleNamespace(terms={"a": torch.tensor(1.23456), "bb": 2.0})
    trainer = SimpleNamespace(callback_metrics={"val/a": torch.tensor(0.5), "step": torch.tensor(3.0)})
    shown = bar.get_metrics(trainer, module)
    assert list(shown) == names
    assert shown["val/a"] == "0.5"
