"""Drawn videos that went wrong are told, each symptom by a made case; digits that move have none."""

import numpy as np
import pytest
import torch

from genkit.core.batch import Batch
from genkit.core.budget import Budget
from genkit.core.plan import TrainingPlan
from genkit.core.spec import View
from genkit.data.video.bouncing import Motion
from genkit.diagnostics import findings, symptoms
from genkit.diagnostics.general_rules import rules_for
from genkit.diagnostics.known import training_examples
from genkit.diagnostics.video_symptoms import of_videos
from genkit.families.dcgan import DCGAN
from genkit.testing import OPTIM
from tests.conftest import open_plain

NAMES = {"freezing", "looping_videos", "flicker"}


def moving(n, seed=0, size=16, side=8, frames=8, step=2**0.5, levels=17):
    """Squares of fixed shades that bounce, uint8 (n, 1, T, H, W)."""
    random = np.random.default_rng(seed)
    motion = Motion(size, side, frames, 1, step / (size - side))
    shades = random.integers(0, 256, (n, 1, side, side)).astype(np.uint8)
    if levels == 2:
        shades = (shades >= 128) * np.uint8(255)
    places = motion.places(random.random((n, 2)), random.random(n) * 2 * np.pi)
    return motion.drawn(shades, places[:, None])


def large(n, seed=0):
    return moving(n, seed, size=64, side=28, frames=20, step=3.6, levels=2)


def freezing(clips):
    half = clips.shape[2] // 2
    end = np.repeat(clips[:, :, half : half + 1], clips.shape[2] - half, 2)
    return np.concatenate([clips[:, :, :half], end], 2)


def looping(clips):
    frames = clips.shape[2]
    there_and_back = np.array([0, 1, 2, 1])
    return clips[:, :, np.resize(there_and_back, frames)]


def flicker(clips):
    dim = np.where(np.arange(clips.shape[2]) % 2, 0.3, 1.0)[:, None, None]
    return (clips * dim).astype(np.uint8)


CASES = {"freezing": freezing, "looping_videos": looping, "flicker": flicker}


@pytest.mark.parametrize("real", [moving, large], ids=["16", "64"])
@pytest.mark.parametrize("name", CASES)
def test_a_made_case_has_its_symptom_alone(name, real):
    measured = of_videos(CASES[name](real(32)), real(32, 1))
    assert measured.keys() == NAMES
    assert measured[name] == 1
    assert all(measured[other] == 0 for other in NAMES - {name})
    half = np.concatenate([CASES[name](real(16)), real(16, 7)])
    assert of_videos(half, real(32, 1))[name] == 0.5


@pytest.mark.parametrize("real", [moving, large], ids=["16", "64"])
def test_videos_as_the_data_have_no_symptom_whatever_these_are(real):
    for clips in (real, *(lambda n, seed, case=case: case(real(n, seed)) for case in CASES.values())):
        measured = of_videos(clips(32, 0), clips(32, 1))
        assert all(value == 0 for value in measured.values()), measured
    assert of_videos(real(32)[:, :, :3], real(32)[:, :, :3]) == {}


class Given(DCGAN):
    """Draws what it is given."""

    given: torch.Tensor

    def draw(self, noise, condition, options):
        return self.given[: len(noise)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("moving"))
    paths = {"data_dir": root, "cache_dir": root}
    return open_plain({"name": "moving_digits", "examples": 200}, paths, View("arrays", axes=3))


def found_of(dataset, make):
    """The codes that are found of a model that draws what `make` makes of clips and of those of training."""
    unit, known = (
        torch.from_numpy(dataset.split(part).gather(np.arange(64))[0].astype(np.float32)) / 16
        for part in ("validation", "train")
    )
    module = Given(dataset.spec, width=1, latent_size=1)
    module.plan = TrainingPlan(optim=OPTIM, budget=Budget("steps", 100), total_steps=100)
    module.given = make(unit, known)
    row = symptoms.measure(module, Batch(unit, range(64)), training_examples(dataset))
    rows = [{"step": step, "progress": step / 100, **row} for step in (80, 90, 100)]
    return row, {finding.code for finding in findings.judge(rows, rules_for((), {}))}


def test_data_of_moving_digits_have_no_symptom(dataset):
    row, codes = found_of(dataset, lambda unit, known: unit.roll(1, 0))
    assert row.keys() >= NAMES
    assert not codes
    assert not any(row[name] for name in NAMES)


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("freezing", lambda unit, known: unit[:, :, [0, 1, 2, 3, 4, 4, 4, 4]].roll(1, 0)),
        ("looping_videos", lambda unit, known: unit[:, :, [0, 1, 2, 1, 0, 1, 2, 1]].roll(1, 0)),
        ("flicker", lambda unit, known: unit * torch.tensor([1, 0.3] * 4)[:, None, None]),
        ("collapsed", lambda unit, known: unit[:1].repeat(64, 1, 1, 1, 1) + 1e-3 * torch.rand(unit.shape)),
    ],
)
def test_a_training_that_draws_them_has_the_finding(dataset, code, make):
    assert code in found_of(dataset, make)[1]


def test_stills_that_are_all_alike_have_collapsed_and_nothing_more_is_said(dataset):
    def still(unit, known):
        return unit[:1, :, :1].repeat(64, 1, 8, 1, 1) + 1e-3 * torch.rand(len(unit), 1, 1, 16, 16)

    row, codes = found_of(dataset, still)
    assert row["freezing"] == 1
    assert codes == {"collapsed"}
    # A young network is not yet judged by either.
    young = [{**row, "step": step, "progress": step / 100} for step in (25, 30, 35)]
    codes = {finding.code for finding in findings.judge(young, rules_for((), {}))}
    assert not {"freezing", "collapsed"} & codes


def test_what_is_measured_becomes_a_finding():
    rows = [{"step": step, "progress": step / 100, **dict.fromkeys(NAMES, 1.0)} for step in (50, 100)]
    codes = {finding.code for finding in findings.judge(rows, rules_for((), {}))}
    assert codes >= NAMES
    few = [{**row, **dict.fromkeys(NAMES, 0.1)} for row in rows]
    assert not NAMES & {finding.code for finding in findings.judge(few, rules_for((), {}))}
