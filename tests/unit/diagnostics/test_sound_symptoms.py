"""Drawn sounds that went wrong are told, each symptom by a made case; recordings and strings have none."""

import numpy as np
import pytest
import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.budget import Budget
from genkit.core.plan import TrainingPlan
from genkit.core.spec import View
from genkit.data.real import unchanged
from genkit.diagnostics import findings, symptoms
from genkit.diagnostics.general_rules import rules_for
from genkit.diagnostics.known import training_examples
from genkit.diagnostics.sound_symptoms import of_sounds, repetition, spectra
from genkit.families.dcgan import DCGAN
from genkit.testing import OPTIM
from tests.conftest import open_plain

T = 2048
TIME = np.arange(T)
MADE = ("silent", "constant", "clipped", "one_period")


def bursts(n, seed=0):
    """Sounds that begin, end and change their pitch, loud and soft ones, int16 (n, 1, T)."""
    generator = np.random.default_rng(seed)
    rising, loud = generator.uniform(0.005, 0.1, (n, 1)), generator.uniform(0.2, 0.8, (n, 1))
    begin = generator.uniform(200, 900, (n, 1))
    waves = loud * np.exp(-(((TIME - begin) / 300) ** 2)) * np.sin(rising * TIME * (1 + TIME / T))
    return np.round(waves * 32_767).astype(np.int16)[:, None]


def whole(waves):
    return np.round(np.asarray(waves).clip(-1, 1) * 32_767).astype(np.int16)[:, None]


PHASE = np.random.default_rng(3).uniform(size=(32, 1))
CASES = {
    "silent": whole(1e-4 * np.random.default_rng(1).normal(size=(32, T))),
    "constant": whole(np.full((32, T), 0.4)),
    "clipped": whole(5 * np.sin(2 * np.pi * (PHASE + TIME * 0.011 * (1 + TIME / T)))),
    "one_period": whole(
        0.5 * np.sin(2 * np.pi * (PHASE + TIME * 0.03)) + 0.2 * np.sin(2 * np.pi * TIME * 0.06)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_made_case_has_its_symptom_alone(name):
    measured = of_sounds(CASES[name], bursts(32))
    assert measured.keys() == set(MADE)
    assert measured[name] == 1
    assert all(measured[other] == 0 for other in MADE if other != name)
    half = np.concatenate((CASES[name][:16], bursts(16, 7)))
    assert of_sounds(half, bursts(32))[name] == 0.5


def test_sounds_as_the_data_have_no_symptom_whatever_these_are():
    for known in (bursts(64), *CASES.values()):
        assert set(of_sounds(known[::2], known[1::2]).values()) <= {0.0}
    assert "one_period" not in of_sounds(CASES["silent"], CASES["one_period"])


def test_a_repetition_is_the_highest_correlation_of_a_sound_with_itself_later():
    """Of one minus half the squared difference by the mean square, as a bare loop has it."""
    generator = np.random.default_rng(0)
    x = np.tile(generator.normal(size=(3, 1, 37)), (1, 1, 10)) + 0.3 * generator.normal(size=(3, 1, 370))
    for wave, found in zip(x[:, 0] - x[:, 0].mean(1, keepdims=True), repetition(x), strict=True):
        told = []
        for lag in range(8, 186):
            now, later = wave[: 370 - lag], wave[lag:]
            told.append(1 - ((now - later) ** 2).sum() / ((now**2).sum() + (later**2).sum()))
        assert found == pytest.approx(max(told), abs=1e-9)


def test_spectra_do_not_ask_for_phases():
    waves = torch.from_numpy(CASES["one_period"] / 2**16 + 0.5)
    moved, other = waves.roll(9, 2), torch.from_numpy(bursts(32) / 2**16 + 0.5)

    def far(a: Tensor, b: Tensor) -> float:
        return float((spectra(a) - spectra(b)).flatten(1).norm(dim=1).mean())

    assert far(waves, moved) < 0.25 * far(waves, other)
    assert (waves - moved).flatten(1).norm(dim=1).mean() > (waves - other).flatten(1).norm(dim=1).mean()


# ---------------------------------------------------------------------- in a training


class Given(DCGAN):
    """Draws what it is given."""

    given: Tensor

    def draw(self, noise, condition, options):
        return self.given[: len(noise)]


def opened(data_dir, tmp_path, plain, view=None):
    if plain["name"] == "fsdd" and not (data_dir / "fsdd").is_dir():
        pytest.skip("GENKIT_DATA_DIR holds no fsdd")
    paths = {"data_dir": str(data_dir), "cache_dir": str(tmp_path / "cache")}
    return open_plain({**plain, "view": view}, paths, View("arrays", axes=1 if view != "mel" else 0))


def measured(dataset, make):
    """What is measured, and found, of a model that draws what `make` makes of the validation examples."""
    examples = unchanged(dataset.split("validation"))
    levels, labels, _ = examples.gather(examples.some(64))
    module = Given(dataset.spec, width=1, latent_size=1, norm="none")
    module.plan = TrainingPlan(optim=OPTIM, budget=Budget("steps", 100), total_steps=100)
    batch = Batch(
        torch.from_numpy(levels.astype(np.int32)),
        range(64),
        None if labels is None else torch.from_numpy(labels),
    )
    unit = batch.data.float() / (dataset.spec.levels - 1)
    known = training_examples(dataset)
    module.given = make(unit, known)
    row = symptoms.measure(module, Batch(unit, batch.rows, batch.labels), known)
    rows = [{"step": step, "progress": step / 100, **row} for step in (80, 90, 100)]
    told = findings.judge(rows, rules_for((), {}))
    return row, {finding.code for finding in told}


def training(unit, known):
    rows = known.rows[:64]
    return torch.from_numpy(known.images.gather(rows)[0].astype(np.int32)).float() / (known.levels - 1)


def unseen(unit, known):
    return unit.roll(1, 0)


def one(unit, known):
    return unit[:1].repeat(64, *[1] * (unit.ndim - 1)) + 1e-3 * torch.rand(unit.shape)


@pytest.mark.parametrize("view", ["waveform", "mu_law", "mel"])
@pytest.mark.parametrize(
    "plain",
    [{"name": "fsdd", "length": 4096, "validation": 100}, {"name": "plucks", "examples": 1500}],
    ids=["fsdd", "plucks"],
)
def test_real_sounds_are_sound_and_collapse_and_copies_are_found_in_every_view(
    data_dir, tmp_path, plain, view
):
    dataset = opened(data_dir, tmp_path, plain, view)
    row, found = measured(dataset, unseen)
    assert not found, (found, row)
    assert row["diversity"] == pytest.approx(1)
    assert all(row[name] == 0 for name in MADE if name in row)
    assert "collapsed" in measured(dataset, one)[1]
    row, found = measured(dataset, training)
    assert row["copied"] == 1
    assert found == {"copies"}


def test_a_model_that_draws_silence_is_said_to_and_to_do_nothing_else(data_dir, tmp_path):
    dataset = opened(data_dir, tmp_path, {"name": "plucks", "examples": 1500}, "waveform")
    row, found = measured(dataset, lambda unit, known: torch.full_like(unit, 0.5))
    assert found == {"silent"}, row
    assert measured(dataset, lambda unit, known: torch.full_like(unit, 0.7))[1] == {"constant"}
    loud = lambda unit, known: ((unit - 0.5) * 20 + 0.5).clamp(0, 1).roll(1, 0)  # noqa: E731
    assert "clipped" in measured(dataset, loud)[1]
