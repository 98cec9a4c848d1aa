"""The GAN of residual networks: its step against a bare loop, in pieces, and what its knobs do."""

import pytest
import torch
import torch.nn.functional as F

from genkit import config
from genkit.core.footprint import peak_bytes
from genkit.core.noise import Noise
from genkit.core.phase import StepNoise, training_only
from genkit.core.spec import ArraySpec
from genkit.families.dcgan import DCGAN
from genkit.nn.bottleneck import Bottleneck
from genkit.system.errors import ConfigError
from genkit.testing import OPTIM
from tests.conftest import Batch, fit

SPEC = ArraySpec(1, (12, 20), levels=17, classes=("a", "b", "c"))
R3GAN = {"network": "resnet", "loss": "relativistic", "r1": 0.7, "r2": 0.4, "penalise": "seen"}
ADA = {"augment": ["colour", "translation", "cutout"], "augment_target": 0.05, "augment_pace": 60}
# Adam's usual epsilon makes of a gradient of nearly nothing a step as long as of any, and so of its rounding,
# which is another on every processor, a weight that differs.
EPS = 1e-6
PLAIN = {**OPTIM, "clip": None, "ema": None, "betas": [0.0, 0.99], "eps": EPS}


def gan(**knobs):
    torch.manual_seed(0)
    made = DCGAN(SPEC, **{"latent_size": 4, "width": 4, "group": 4, **R3GAN, **knobs})
    for block in made.modules():
        if isinstance(block, Bottleneck):
            torch.nn.init.normal_(block.narrowing.weight, 0, 0.2)
    return made


def batch(n=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    data = torch.randint(0, 17, (n, 1, 12, 20), generator=generator, dtype=torch.uint8)
    return Batch(data, range(n), torch.arange(n) % 3)


def assert_alike(module, other):
    for name, tensor in other.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("penalise", ["seen", "data"])
def test_a_step_equals_the_textbook_loop(penalise):
    """Pairs of real and generated ones, both penalties, then the generator and its moved opponent."""
    batches = [batch(seed=seed) for seed in range(4)]
    module = gan(penalise=penalise, conditional=True)
    fit(module, batches, plan={"optim": PLAIN})

    bare = gan(conditional=True).train()
    d_step = torch.optim.Adam(bare.discriminator.parameters(), lr=1e-3, betas=(0.0, 0.99), eps=EPS)
    g_step = torch.optim.Adam(bare.generator.parameters(), lr=1e-3, betas=(0.0, 0.99), eps=EPS)
    for step, one in enumerate(batches):
        real = (one.data.float() / 16 * 2 - 1).requires_grad_(True)
        made = bare.generator(StepNoise(0, one.rows, step=step).normal("latent", 4), one.labels)
        fake = made.detach().requires_grad_(True)
        of_real, of_fake = bare.discriminator(real, one.labels), bare.discriminator(fake, one.labels)
        loss = -F.logsigmoid(of_real - of_fake).mean()
        for weight, logits, seen in ((0.7, of_real, real), (0.4, of_fake, fake)):
            (slope,) = torch.autograd.grad(logits.sum(), seen, create_graph=True)
            loss = loss + weight / 2 * slope.pow(2).sum((1, 2, 3)).mean()
        d_step.zero_grad()
        loss.backward()
        d_step.step()
        g_step.zero_grad()
        of_real, of_fake = bare.discriminator(real, one.labels), bare.discriminator(made, one.labels)
        (-F.logsigmoid(of_fake - of_real).mean()).backward()
        g_step.step()
    assert_alike(module, bare)


@pytest.mark.parametrize("knobs", [{}, ADA], ids=["plain", "ada"])
def test_pieces_of_a_batch_move_as_the_whole_does(knobs):
    batches = [batch(seed=seed) for seed in range(6)]
    whole, pieces = gan(**knobs), gan(**knobs)
    fit(whole, batches, plan={"optim": PLAIN})
    fit(pieces, batches, plan={"optim": PLAIN, "accumulate": 4})
    assert_alike(pieces, whole)
    assert not torch.equal(whole.generator.basis, gan().generator.basis)


def test_penalties_have_their_weights_and_are_of_either_side():
    one = gan().prepare(batch())

    def found(**knobs):
        total, terms = gan(**knobs).phases()[0].loss(one, StepNoise(0, one.rows, step=0))
        return total.item(), {name: float(term) for name, term in terms.items()}

    plain, _ = found(r1=0, r2=0, penalise="data")
    total, terms = found()
    assert total == pytest.approx(plain + 0.7 * terms["r1"] + 0.4 * terms["r2"], rel=1e-5)
    assert terms["r1"] != pytest.approx(terms["r2"], rel=1e-2)
    assert found(r2=0)[1].keys() == terms.keys() - {"r2"}
    # Of the data as they are, whatever is augmented; else of what was seen.
    augmented, bare = found(augment=["colour"], penalise="data")[1], found(penalise="data")[1]
    assert augmented["r1"] == bare["r1"] == pytest.approx(terms["r1"], rel=1e-5)
    assert found(augment=["colour"])[1]["r1"] != pytest.approx(terms["r1"], rel=1e-3)


def test_strength_zero_is_no_augmentation_and_strength_one_is_all():
    one = gan().prepare(batch())
    data, noise = gan()._to_network(one.data), StepNoise(0, one.rows, step=0)
    following, always = (
        gan(augment=ADA["augment"], **more).critics[0] for more in ({"augment_target": 0.5}, {})
    )
    torch.testing.assert_close(following.shown(data, noise, "real"), data, rtol=0, atol=0)
    following.strength.probability.fill_(1.0)
    torch.testing.assert_close(
        following.shown(data, noise, "real"), always.shown(data, noise, "real"), rtol=0, atol=0
    )
    following = gan(augment=["cutout"], augment_target=0.5).critics[0]
    following.strength.probability.fill_(0.3)
    many = torch.ones(2000, 1, 12, 20)
    drawn = following.shown(many, Noise(0, range(2000)), "real")
    changed = (drawn != 1).flatten(1).any(1).float().mean()
    assert float(changed) == pytest.approx(0.3, abs=0.03)


def test_strength_follows_a_discriminator_that_overfits():
    """On the same few examples again and again."""
    module = gan(r1=0, r2=0, penalise="data", **ADA | {"augment_target": 0.5, "augment_pace": 2_000})
    fit(module, [batch()] * 150, plan={"optim": PLAIN})
    assert float(module.strengths[0].overfitting) > 0.5
    assert 0 < float(module.strengths[0].probability) < 1
    assert float(module.terms["discriminator/augmented"]) > 0


def test_a_colour_step_of_128_fits_four_gib():
    cfg = config.compose("train", ["model=gan_resnet", "data=image_folder", "data.path=x"])
    own = {name: getattr(cfg.model, name) for name in ("width", "blocks", "expansion", "group", "strided")}
    torch.manual_seed(0)
    module = DCGAN(ArraySpec(3, (128, 128), 256), **R3GAN, **own)
    one = module.prepare(Batch(torch.zeros(16, 3, 128, 128, dtype=torch.uint8), range(16)))
    noise, phases = StepNoise(0, one.rows, step=0), module.phases()
    noise.parameters = tuple(p for phase in phases for p in phase.parameters)
    weights = 16 * sum(
        p.numel() for phase in phases for p in phase.parameters
    )  # gradients, Adam's two moments
    for phase in phases:
        with training_only(phase, phases):
            taken = peak_bytes(lambda phase=phase: phase.loss(one, noise).total.backward())
        assert taken + weights < 3.5 * 2**30


def test_what_the_other_network_refuses_is_taken():
    with pytest.raises(ConfigError, match="not 12"):
        gan(network="dcgan", norm="none")
    assert gan().sample(2).data.shape == (2, 1, 12, 20)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("model=gan_resnet model.augment_target=0.6", "name what is to follow it"),
        ("model=gan_resnet model.r1=0 model.r2=0", "there is no penalty"),
        ("model=dcgan model.r2=1", "a penalty of single images' gradients needs norm=layer or none"),
        ("model=dcgan model.blocks=2", "model.blocks=2 does nothing while model.network=dcgan"),
        ("model=dcgan model.network=resnet model.norm=layer", "model.norm=layer does nothing"),
        ("model=gan_resnet model.augment_pace=9", "set model.augment_target"),
    ],
)
def test_knobs_that_do_not_go_together(typed, said):
    with pytest.raises(ConfigError) as refused:
        config.compose("train", [*typed.split(), "data=digits"])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
