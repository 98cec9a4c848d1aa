"""Every knob of the DCGAN and the VAE does what it says, seen from outside."""

import copy
from itertools import pairwise

import pytest
import torch

from genkit.core.phase import StepNoise
from genkit.core.spec import ArraySpec
from genkit.families.dcgan import DCGAN
from genkit.families.vae import VAE
from genkit.nn.normalisation import GlobalBatchNorm
from genkit.testing import OPTIM
from tests.conftest import Batch, fit

SPEC = ArraySpec(1, (16, 16), levels=17, classes=("a", "b", "c"))


def batch(n=6, side=16):
    generator = torch.Generator().manual_seed(1)
    data = torch.randint(0, 17, (n, 1, side, side), generator=generator, dtype=torch.uint8)
    return Batch(data, range(n), torch.arange(n) % 3)


def dcgan(**knobs):
    torch.manual_seed(0)
    return DCGAN(SPEC, **{"latent_size": 4, "width": 4, **knobs})


def vae(**knobs):
    torch.manual_seed(0)
    return VAE(SPEC, **{"latent_size": 3, "width": 4, "hidden": 8, **knobs})


def losses(module, step=0):
    """The discriminator's loss and terms on a fixed batch, as numbers."""
    prepared = module.prepare(batch())
    total, terms = module.phases()[0].loss(prepared, StepNoise(0, prepared.rows, step=step))
    return total.item(), {name: term.item() for name, term in terms.items()}


# ---------------------------------------------------------------------- DCGAN


@pytest.mark.parametrize("side", [8, 16, 32, 64, 128])
def test_a_dcgan_makes_and_judges_every_size(side):
    module = DCGAN(ArraySpec(3, (side, side)), latent_size=4, width=2)
    drawn = module.sample(2).data
    assert drawn.shape == (2, 3, side, side)
    assert module.discriminator(drawn).shape == (2,)
    widths = [kernel.out_channels for kernel in module.generator.kernels]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 2


def test_spectral_norm_makes_the_largest_singular_value_one():
    module = dcgan(spectral_norm=True, conditional=True).train()
    for _ in range(200):  # the power iteration takes a step at each pass
        module.discriminator(torch.zeros(2, 1, 16, 16), torch.tensor([0, 1]))
    kernels = [m for m in module.discriminator.modules() if hasattr(m, "parametrizations")]
    assert len(kernels) == 5  # two halvings, the features of the classes, the logit, the classes
    for kernel in kernels:
        assert torch.linalg.matrix_norm(kernel.weight.flatten(1), 2).item() == pytest.approx(1, rel=1e-3)
    plain = next(dcgan().discriminator.parameters())
    assert torch.linalg.matrix_norm(plain.flatten(1), 2).item() < 0.5


@pytest.mark.parametrize(("norm", "mixes"), [("batch", True), ("layer", False), ("none", False)])
def test_only_batch_normalisation_lets_images_see_each_other(norm, mixes):
    network = dcgan(norm=norm).discriminator.train()
    data = batch().data.float() / 8 - 1
    alone, together = network(data[:2])[0], network(data)[0]
    assert ((alone - together).abs().item() > 1e-4) is mixes


def test_layer_normalisation_is_blind_to_the_scale_of_what_comes_in_and_none_is_not():
    data = batch().data.float() / 8 - 1
    for norm, blind in (("layer", True), ("none", False)):
        network = dcgan(norm=norm).discriminator
        one, ten = network(1e3 * data), network(1e4 * data)
        assert torch.allclose(one, ten, rtol=0.05) is blind


@pytest.mark.parametrize(
    ("knob", "term"), [({"r1": 3.0}, "r1"), ({"gradient_penalty": 3.0}, "gradient_penalty")]
)
def test_a_penalty_enters_the_loss_with_its_weight(knob, term):
    (plain, _), (penalised, terms) = losses(dcgan(norm="none")), losses(dcgan(norm="none", **knob))
    assert terms[term] > 0
    assert penalised == pytest.approx(plain + 3.0 * terms[term], rel=1e-5)


def test_augmentation_changes_what_the_discriminator_sees_and_nothing_else():
    plain, augmented = dcgan(), dcgan(augment=["colour", "translation", "cutout"])
    assert losses(plain)[0] != pytest.approx(losses(augmented)[0], rel=1e-4)
    assert losses(augmented)[0] == losses(augmented)[0]  # by the step's noise alone
    assert torch.equal(dcgan().sample(2).data, dcgan(augment=["cutout"]).sample(2).data)


def test_the_generator_moves_at_every_third_step():
    module = dcgan(discriminator_steps=3)
    moved = []
    for steps in range(1, 8):
        trained = copy.deepcopy(module)
        fit(trained, [batch()] * steps, plan={"optim": OPTIM})
        moved.append(trained.generator.to_image.weight.detach().clone())
    changes = [not torch.equal(a, b) for a, b in pairwise(moved)]
    assert not torch.equal(moved[0], module.generator.to_image.weight)
    assert changes == [False, False, True, False, False, True]


def test_the_memory_format_changes_no_value():
    one, two = dcgan(), dcgan(channels_last=False)
    assert one.generator.to_image.weight.is_contiguous(memory_format=torch.channels_last)
    assert two.generator.kernels[1].weight.is_contiguous()
    torch.testing.assert_close(one.sample(3).data, two.sample(3).data)


def test_a_label_reaches_the_generator_and_the_discriminator():
    module = dcgan(conditional=True).eval()
    assert [o.name for o in module.options] == ["truncation", "label"]
    a, b = module.sample(2, label="a").data, module.sample(2, label="b").data
    assert not torch.equal(a, b)
    data, first = torch.rand(3, 1, 16, 16), torch.zeros(3, dtype=torch.int64)
    difference = module.discriminator(data, first + 1) - module.discriminator(data, first)
    # The projection: the difference of two classes is linear in the features that all logits share.
    features = module.discriminator.layers(data).sum((2, 3))
    table = module.discriminator.classes.weight
    torch.testing.assert_close(difference, features @ (table[1] - table[0]), rtol=1e-3, atol=1e-5)
    assert not any(isinstance(m, GlobalBatchNorm) and m.affine for m in module.generator.modules())


@pytest.mark.parametrize(
    ("knobs", "kernels"),
    [
        ({}, 3),
        ({"extra_layers": 2}, 5),
        ({"conditional": True}, 4),
        ({"conditional": True, "extra_layers": 0}, 3),
    ],
)
def test_extra_layers_stand_at_the_discriminators_end(knobs, kernels):
    module = dcgan(**knobs)
    found = [m for m in module.discriminator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(found) == kernels  # two halvings and the logit, and those that were added
    assert [m.stride[0] for m in found] == [2, 2] + [1] * (kernels - 2)
    assert found[-1].in_channels == found[-2].out_channels
    torch.testing.assert_close(
        module.generator.state_dict(), dcgan(**{**knobs, "extra_layers": 1}).generator.state_dict()
    )


def test_a_label_says_what_is_where_and_not_only_how_strong_each_channel_is():
    """With the same gains and shifts for all classes, the first activations of two differ between places."""
    generator = dcgan(conditional=True).generator.eval()
    latent, first = torch.randn(1, 4), torch.zeros(1, dtype=torch.int64)
    maps = []
    generator.kernels[0].register_forward_hook(lambda _, __, output: maps.append(output))
    with torch.no_grad():
        generator(latent, first)
        generator(latent, first + 1)
    ratio = maps[1] / maps[0]  # (1, C, 4, 4)
    assert float(ratio.std((2, 3)).min()) > 0.05


@pytest.mark.parametrize("latent_size", [16, 100])
def test_at_first_a_label_moves_an_image_as_much_as_one_number_of_the_latent(latent_size):
    """A louder one makes each class one image."""
    module = dcgan(conditional=True, latent_size=latent_size)
    length = module.generator.classes.weight.detach().norm(dim=1)
    assert float(length.mean()) == pytest.approx(1, rel=0.3)


def test_truncation_brings_samples_together():
    module = dcgan().eval()
    wide, narrow = module.sample(20).data, module.sample(20, truncation=0.05).data
    assert float(narrow.std(0).mean()) < 0.2 * float(wide.std(0).mean())


@pytest.mark.parametrize("knob", ["latent_size", "width"])
def test_sizes_of_a_dcgan(knob):
    module = dcgan(**{knob: 6})
    assert module.generator.kernels[0].in_channels == module.latent_size
    assert module.latent_size == (6 if knob == "latent_size" else 4)
    assert module.discriminator.layers[0].out_channels == (6 if knob == "width" else 4)


# ---------------------------------------------------------------------- VAE


@pytest.mark.parametrize("network", ["mlp", "conv", "residual"])
def test_networks_and_their_sizes(network):
    small, large = vae(network=network), vae(network=network, width=8, hidden=32, latent_size=5)
    for module, hidden, latents in ((small, 8, 3), (large, 32, 5)):
        assert module.encoder.head[0].out_features == hidden
        assert module.encode(batch(2).data.float() / 16).shape == (2, latents)
        assert module.sample(2).data.shape == (2, 1, 16, 16)
    kernels = [m for m in large.encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [k.out_channels for k in kernels[:1]] == ([] if network == "mlp" else [8])
    assert len(kernels) == {"mlp": 0, "conv": 2, "residual": 10}[network]


def test_a_cold_prior_has_one_sample():
    module = vae().eval()
    cold = module.sample(3, temperature=0.0).data
    assert torch.equal(cold[0], cold[2])
    with torch.no_grad():
        torch.testing.assert_close(cold[:1], module.decode(torch.zeros(1, 3)))
    assert float(module.sample(30, temperature=3.0).data.std(0).mean()) > float(
        module.sample(30).data.std(0).mean()
    )


def test_pixels_drawn_are_levels_and_their_means_are_not():
    module = vae(likelihood="categorical").eval()
    mean, drawn = module.sample(4).data * 16, module.sample(4, pixels="drawn").data * 16
    torch.testing.assert_close(drawn, drawn.round(), atol=1e-4, rtol=0)
    assert not torch.allclose(mean, mean.round(), atol=1e-2)


def test_a_label_reaches_the_encoder_and_the_decoder():
    module = vae(conditional=True).eval()
    assert not torch.allclose(module.sample(2, label="a").data, module.sample(2, label="b").data, atol=1e-3)
    data, first = batch(2).data.float() / 16, torch.zeros(2, dtype=torch.int64)
    assert not torch.allclose(module.encode(data, first), module.encode(data, first + 1), atol=1e-4)
    assert "label" not in [o.name for o in vae().options]


def test_a_vae_trains_on_the_importance_weighted_bound_when_asked():
    fitted = fit(vae(importance_samples=4), [batch()], plan={"optim": OPTIM})
    assert set(fitted.lightning_module.terms) == {"neg_bound"}
