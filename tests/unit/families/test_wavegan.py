"""The family DCGAN as `model=wavegan` sets it: its step by hand, its randomness, and training on sounds."""

import itertools
from pathlib import Path

import pytest
import torch
import yaml

from genkit.core.batch import Batch
from genkit.core.media.audio import AUDIO
from genkit.core.phase import StepNoise
from genkit.core.spec import ArraySpec
from genkit.families.dcgan import DCGAN
from genkit.testing import OPTIM, Case, checks
from tests.conftest import fit

SOUNDS = ArraySpec(1, (256,), 65_536, ("low", "high"), AUDIO, 8_000.0)
HOUSE = {"family", "view", "axes", "select"}  # keys of every model, which are no arguments of a family
CONF = Path(__file__).parents[3] / "conf" / "model" / "wavegan.yaml"
SETTINGS = {k: v for k, v in yaml.safe_load(CONF.read_text())["model"].items() if k not in HOUSE}


def wavegan(**knobs):
    torch.manual_seed(0)
    return DCGAN(SOUNDS, **{**SETTINGS, "latent_size": 4, "width": 4, **knobs})


def sounds(n, start=0, seed=0):
    """Sines of two pitches and any phase, as levels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(start, start + n) % 2
    phase = torch.rand(start + n, 1, 1, generator=generator)[start:]
    waves = torch.sin(6.2832 * (phase + torch.arange(256) * (0.02 + 0.05 * labels)[:, None, None]))
    return Batch(((waves * 0.8 + 1) / 2 * 65_535).round().to(torch.int32), range(start, start + n), labels)


def floats(batch):
    return Batch(batch.data / 65_535, batch.rows, batch.labels)


PUBLISHED = {"loss": "wasserstein", "gradient_penalty": 10.0, "r1": 0.0, "discriminator_steps": 5}
CASES = {
    "wavegan": {},
    "wavegan-labels": {"conditional": True, "upsampling": "nearest"},
    "wavegan-published": PUBLISHED,
}


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("name", CASES)
def test_wavegan_keeps_the_contract(name, check):
    check(Case(lambda: wavegan(**CASES[name]), sounds))


def test_the_settings_are_those_of_the_paper_where_the_file_says_so():
    module = wavegan(**PUBLISHED)
    assert [phase.every for phase in module.phases()] == [1, 5]
    assert module.critics[0].phase_shuffle == 2
    assert not any("Norm" in type(m).__name__ for m in module.modules())
    assert "model.loss=wasserstein model.gradient_penalty=10 model.r1=0 model.discriminator_steps=5" in (
        CONF.read_text()
    )


def test_a_critics_step_is_the_published_one_by_hand():
    """E D(G(z)) - E D(x) + 10 E (‖∇D(x̂)‖ - 1)², the penalty on mixtures with one number an example."""
    module, batch = wavegan(**PUBLISHED, phase_shuffle=0), floats(sounds(6))
    found = module.phases()[0].loss(batch, StepNoise(3, range(6), step=5)).total
    noise = StepNoise(3, range(6), step=5)
    real = batch.data * 2 - 1
    fake = module.generator(noise.normal("latent", 4)).detach()
    share = noise.uniform("share", 1)[:, :, None]
    mixed = (share * real + (1 - share) * fake).requires_grad_()
    slopes = torch.autograd.grad(module.discriminator(mixed).sum(), mixed)[0]
    penalty = sum((row.norm() - 1) ** 2 for row in slopes.flatten(1)) / 6
    expected = module.discriminator(fake).mean() - module.discriminator(real).mean() + 10 * penalty
    torch.testing.assert_close(found, expected)


def losses(module, batch, noise):
    return torch.stack([phase.loss(batch, noise).total for phase in module.phases()]).detach()


def test_phase_shuffle_replays_and_changes_with_the_step():
    module, batch = wavegan(), floats(sounds(6))
    found = [losses(module, batch, StepNoise(0, range(6), step=step)) for step in (0, 1, 2)]
    torch.manual_seed(99)  # of no account
    assert torch.equal(losses(module, batch, StepNoise(0, range(6), step=1)), found[1])
    still = wavegan(phase_shuffle=0)
    assert not torch.equal(losses(still, batch, StepNoise(0, range(6), step=1)), found[1])
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(found, 2))


def test_a_batch_in_pieces_is_shuffled_as_it_is_whole():
    """As by two processes, or accumulated: every piece moves by the same shifts."""
    module = wavegan(conditional=True)
    whole = losses(module, floats(sounds(6)), StepNoise(0, range(6), step=4))
    parts = [
        losses(module, floats(sounds(3, start)), StepNoise(0, range(start, start + 3), step=4))
        for start in (0, 3)
    ]
    torch.testing.assert_close(sum(parts) / 2, whole)


def test_real_and_generated_examples_are_shuffled_apart():
    shown = []
    module = wavegan()
    judge = module.discriminator.forward
    module.discriminator.forward = lambda *given: (shown.append(given[2:]), judge(*given))[1]
    for step in range(20):
        losses(module, floats(sounds(2)), StepNoise(0, range(2), step=step))
    # Real, generated, the penalty's without shifts, and the generator's.
    assert [len(given) for given in shown[:4]] == [1, 1, 0, 1]
    moved = torch.stack([given[0] for given in shown if given])
    assert moved.shape == (60, 1)
    assert set(moved.flatten().tolist()) == {-2, -1, 0, 1, 2}
    real, fake, own = moved.view(20, 3).unbind(1)
    assert not any(torch.equal(a, b) for a, b in itertools.combinations((real, fake, own), 2))


def test_training_learns_which_label_has_which_pitch():
    """By the discriminator's projection and the generator's gains: sines of 5 and 18 periods a clip."""
    module = wavegan(conditional=True, width=8, r1=0.1)
    optim = {**OPTIM, "lr": 2e-3, "betas": [0.5, 0.9]}
    fit(module, [sounds(16, seed=i) for i in range(300)], plan={"optim": optim})
    for label, periods in ((0, 5), (1, 18)):
        waves = module.sample(16, label=label).data[:, 0] - 0.5
        loudest = torch.fft.rfft(waves).abs().argmax(1)
        assert (loudest - periods).abs().le(1).sum() >= 12, loudest
