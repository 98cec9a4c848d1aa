"""The family DCGAN over moving pictures: its discriminator of single frames is one more phase, by hand."""

import pytest
import torch
import torch.nn.functional as F

from genkit.core.batch import Batch
from genkit.core.media.audio import AUDIO
from genkit.core.media.video import VIDEO
from genkit.core.noise import Noise
from genkit.core.phase import StepNoise
from genkit.core.spec import ArraySpec
from genkit.families.dcgan import DCGAN
from genkit.system.errors import ConfigError
from genkit.testing import OPTIM
from tests.conftest import fit

CLIPS = ArraySpec(1, (8, 8, 8), 2, ("down", "up"), VIDEO, 8.0)
NETWORKS = ["discriminator", "frame_discriminator", "generator"]
ALONE = {"norm": "none", "generator_norm": "none"}  # no example knows of those beside it


def gan(**knobs):
    torch.manual_seed(0)
    return DCGAN(CLIPS, **{"latent_size": 4, "width": 4, "frame_discriminator": True, **knobs})


def clips(n, start=0, seed=0):
    """A bar that goes down (label 0) or up (label 1) around the frame, from any line."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(start, start + n) % 2
    first = torch.randint(0, 8, (start + n, 1), generator=generator)[start:]
    lines = (first + torch.arange(8) * (1 - 2 * labels)[:, None]) % 8  # (n, T)
    data = F.one_hot(lines, 8)[:, None, :, :, None].expand(-1, -1, -1, -1, 8)
    return Batch(data.to(torch.uint8), range(start, start + n), labels)


def floats(batch):
    return Batch(batch.data.float(), batch.rows, batch.labels)


def frames(data, uniform):
    return torch.stack([clip[:, int(8 * u)] for clip, u in zip(data, uniform[:, 0].tolist(), strict=True)])


# ---------------------------------------------------------------------- phases


def test_the_phase_of_frames_stands_between_the_two():
    assert [phase.name for phase in gan().phases()] == NETWORKS
    assert [phase.every for phase in gan(discriminator_steps=3).phases()] == [1, 1, 3]
    assert [phase.name for phase in gan(frame_discriminator=False).phases()] == NETWORKS[::2]
    assert gan().frame_discriminator.layers[0].weight.shape == (4, 1, 4, 4)


def test_a_model_without_it_has_the_weights_that_it_had():
    plain, module = gan(frame_discriminator=False), gan()
    own = {k: v for k, v in module.state_dict().items() if not k.startswith("frame_discriminator.")}
    assert own.keys() == plain.state_dict().keys()
    assert all(torch.equal(value, own[name]) for name, value in plain.state_dict().items())


@pytest.mark.parametrize("trained", NETWORKS)
def test_each_phase_trains_its_own_network_by_settings_of_its_own(trained):
    """Those of the others have a rate of 0, and then nothing of the others moves."""
    module = gan()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    still = {phase: {"lr": 0.0} for phase in NETWORKS if phase != trained}
    fit(module, [clips(4)] * 2, plan={"optim": {**OPTIM, **still}})
    moved = {name for name, p in module.named_parameters() if not torch.equal(before[name], p)}
    assert moved == {name for name in before if name.startswith(f"{trained}.")}


def test_the_loss_over_frames_is_that_of_the_frames_drawn():
    module, batch = gan(**ALONE, r1=2.0), floats(clips(6))
    found = module.phases()[1].loss(batch, StepNoise(3, range(6), step=5))
    noise = StepNoise(3, range(6), step=5)
    drawn = [noise.uniform(f"frame_{use}", 1) for use in ("real", "fake")]
    fakes = module.generator(noise.normal("latent", 4)).detach()
    real = frames(batch.data * 2 - 1, drawn[0]).requires_grad_()
    on_real = module.frame_discriminator(real)
    on_fake = module.frame_discriminator(frames(fakes, drawn[1]))
    slope = torch.autograd.grad(on_real.sum(), real)[0]
    expected = F.binary_cross_entropy_with_logits(on_real, torch.ones(6))
    expected += F.binary_cross_entropy_with_logits(on_fake, torch.zeros(6)) + slope.square().sum() / 6
    torch.testing.assert_close(found.total, expected)
    assert set(found.terms) == {"loss", "real", "fake", "accuracy", "r1"}


def test_the_generator_answers_to_both():
    module, batch = gan(**ALONE), floats(clips(6))
    found = module.phases()[2].loss(batch, StepNoise(3, range(6), step=5))
    noise = StepNoise(3, range(6), step=5)
    fakes = module.generator(noise.normal("latent", 4))
    logits = (
        module.discriminator(fakes),
        module.frame_discriminator(frames(fakes, noise.uniform("frame_generator", 1))),
    )
    clip, frame = (F.binary_cross_entropy_with_logits(each, torch.ones(6)) for each in logits)
    torch.testing.assert_close(found.total, clip + frame)
    torch.testing.assert_close(dict(found.terms), {"loss": clip.detach(), "frame_loss": frame.detach()})


def test_any_frame_is_drawn_and_for_each_use_another():
    module, seen = gan(), []
    times = torch.arange(8.0).view(1, 1, 8, 1, 1).expand(16, 1, 8, 8, 8)
    for use in ("real", "fake", "generator"):
        parts = [module.critics[1].part(times, Noise(0, range(16), step=step), use) for step in range(9)]
        assert all(part.shape == (16, 1, 8, 8) for part in parts)
        seen.append(torch.stack(parts)[:, :, 0, 0, 0])
    counts = torch.stack(seen).flatten().long().bincount(minlength=8)
    assert counts.min() > 30  # of 432, 54 each
    assert not any(torch.equal(a, b) for a, b in zip(seen, [*seen[1:], seen[0]], strict=True))


# ---------------------------------------------------------------------- one batch, however it is cut


@pytest.mark.parametrize("knobs", [{"r1": 1.0}, {"conditional": True, "augment": ["colour", "cutout"]}])
def test_a_batch_in_pieces_is_the_whole_batch(knobs):
    whole, pieces = gan(**ALONE, **knobs), gan(**ALONE, **knobs)
    batches = [clips(8, seed=i) for i in range(3)]
    optim = {**OPTIM, "name": "sgd", "lr": 0.1, "clip": None}
    fit(whole, batches, plan={"optim": optim})
    fit(pieces, batches, plan={"optim": optim, "accumulate": 4})
    for (name, a), b in zip(whole.named_parameters(), pieces.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6, msg=name)


def test_the_parts_of_two_processes_are_the_whole():
    module = gan(**ALONE, conditional=True, augment=["translation"])
    for phase in module.phases():
        total = phase.loss(floats(clips(6)), StepNoise(0, range(6), step=4)).total
        halves = [
            phase.loss(floats(clips(3, at)), StepNoise(0, range(at, at + 3), step=4)).total for at in (0, 3)
        ]
        torch.testing.assert_close(sum(halves) / 2, total)


# ---------------------------------------------------------------------- scores, health, refusals


def test_both_are_scored_and_measured():
    module = gan().eval()
    batch, noise = floats(clips(5)), Noise(0, range(5), purpose="validation")
    with torch.no_grad():
        scores, health = module.score_batch(batch, noise), module.health(batch, noise)
        with pytest.raises(AssertionError):  # (the opinion of frames is its own)
            torch.testing.assert_close(scores["frame_real"], scores["real"])
    assert set(scores) == set(module.units) == {"real", "fake", "frame_real", "frame_fake"}
    measured = {f"{critic}_{what}" for critic in NETWORKS[:2] for what in ("ranks", "spread")}
    assert set(health) == measured
    named = {rule.measure for rule in module.rules}
    assert {*measured, "discriminator/accuracy", "frame_discriminator/accuracy"} == named
    advised = {rule.code: rule.advice for rule in module.rules}
    assert "optim.frame_discriminator.lr" in advised["frame_discriminator_saturated"]
    assert set(gan(frame_discriminator=False).units) == {"real", "fake"}


@pytest.mark.parametrize(
    "spec",
    [ArraySpec(1, (8, 8)), ArraySpec(1, (64,), 65_536, (), AUDIO, 8_000.0), ArraySpec(1, (8, 8, 8))],
    ids=["images", "sounds", "bodies"],
)
def test_what_has_no_frames_is_refused(spec):
    with pytest.raises(ConfigError, match=r"frame_discriminator=true .* have none: leave it out\.$"):
        DCGAN(spec, frame_discriminator=True)


# ---------------------------------------------------------------------- training


def test_training_learns_which_label_moves_which_way():
    module = gan(conditional=True, width=16)
    optim = {**OPTIM, "betas": [0.5, 0.999], "ema": None}
    fit(module, [clips(16, seed=i) for i in range(300)], plan={"optim": optim})
    for label, way in ((0, 1), (1, -1)):
        lines = module.sample(16, label=label).data[:, 0].mean(3).argmax(2)  # (16, T)
        steps = (lines[:, 1:] - lines[:, :-1]) % 8
        assert (steps == way % 8).float().mean() > 0.6, lines  # of chance: 1/8


def test_a_picture_that_moves_is_half_of_a_frame_and_a_size_of_a_dcgan():
    with pytest.raises(ConfigError, match=r"a DCGAN makes sizes of 8.*not 4"):
        gan(moving=True)
