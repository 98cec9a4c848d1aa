"""Networks over one, two and three axes: shapes, gradients, and bare loops and chains that say the same."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from genkit.core.media.image import ImageMedium
from genkit.core.media.video import VIDEO
from genkit.core.spec import ArraySpec
from genkit.families.dcgan import DCGAN
from genkit.families.vae import VAE
from genkit.nn.augment import EMPTY, POLICIES, cutout, translation
from genkit.nn.autoencoder import PAIRS
from genkit.nn.axes import SizeError, Stride, stride
from genkit.nn.convolutions import Discriminator, Generator, Growth, growth
from genkit.nn.memory_format import to_channels_last
from genkit.nn.normalisation import ConditionalBatchNorm, GlobalBatchNorm
from genkit.nn.resampling import DOWN, UP
from genkit.system.errors import ConfigError
from tests.conftest import Batch, fit

SIZES = [(32,), (64,), (128,), (8, 8), (8, 32), (16, 8), (8, 8, 8), (8, 16, 32)]


def ids(value):
    return "×".join(map(str, value)) if isinstance(value, tuple) else None


def every_parameter_has_a_gradient(*networks):
    for network in networks:
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


# ---------------------------------------------------------------------- layers

FACTORS = [(2,), (4,), (2, 2), (1, 2), (2, 1, 2), (2, 2, 2)]
STRIDES = [*(stride(*factors) for factors in FACTORS), Stride((3, 2), (5, 2))]


@pytest.mark.parametrize("step", STRIDES, ids=lambda step: f"{step.factors} {step.kernels}")
def test_what_divides_sizes_is_a_sum_over_the_kernel_and_what_multiplies_them_is_its_adjoint(step):
    """Place n of the result sees the kernel's entries around f·n, as a bare loop has it."""
    torch.manual_seed(0)
    small = (3, 2, 2)[: len(step.factors)]
    large = tuple(n * f for n, f in zip(small, step.factors, strict=True))
    down = DOWN[len(small)](1, 1, *step.down, bias=False).double()
    x, kernel = torch.randn(large).double(), down.weight.detach()[0, 0]
    expected = np.zeros(small)
    for place in itertools.product(*map(range, small)):
        for entry in itertools.product(*map(range, step.kernels)):
            pads = [-(-(k - f) // 2) for k, f in zip(step.kernels, step.factors, strict=True)]
            seen = [n * f + e - p for n, f, e, p in zip(place, step.factors, entry, pads, strict=True)]
            if all(0 <= s < size for s, size in zip(seen, large, strict=True)):
                expected[place] += float(kernel[entry]) * float(x[tuple(seen)])
    found = down(x[None, None])[0, 0].detach()
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)

    up = UP[len(small)](1, 1, *step.up, bias=False).double()
    up.weight.data.copy_(down.weight.data)
    y = torch.randn(small).double()
    grown = up(y[None, None])[0, 0].detach()
    assert grown.shape == large
    assert float((grown * x).sum()) == pytest.approx(float((found * y).sum()), rel=1e-10)


@pytest.mark.parametrize("bias", [False, True])
def test_grey_clips_are_halved_and_doubled_as_torch_does_it(bias):
    """Values, gradients, and the gradients of those, as a penalty of them takes."""
    torch.manual_seed(0)
    down, up = (
        table[3](*c, *geometry, bias=bias).double()
        for table, c, geometry in ((DOWN, (1, 3), stride(2, 2, 2).down), (UP, (3, 1), stride(2, 2, 2).up))
    )
    large, small = torch.randn(2, 1, 6, 4, 8).double(), torch.randn(2, 3, 3, 2, 4).double()
    for layer, torchs, x in ((down, F.conv3d, large), (up, F.conv_transpose3d, small)):
        x = x.requires_grad_()
        slopes = []
        for y in (layer(x), torchs(x, layer.weight, layer.bias, 2, 1)):
            slope = torch.autograd.grad(y.sin().sum(), x, create_graph=True)[0]
            penalty = slope.square().sum()
            slopes.append([y, slope, *torch.autograd.grad(penalty, [x, *layer.parameters()])])
        torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-9, atol=1e-9)
        assert "Convolution" not in type(layer(x).grad_fn).__name__  # by the other route


def test_sizes_are_reached_from_small_ones_and_the_shorter_axis_grows_last():
    assert growth((32, 32)).base == (4, 4)
    assert [step.factors for step in growth((32, 32)).steps] == [(2, 2)] * 3
    assert [step.factors for step in growth((8, 32)).steps] == [(1, 2), (1, 2), (2, 2)]
    assert [step.factors for step in growth((16, 64, 64)).steps] == [(1, 2, 2)] * 2 + [(2, 2, 2)] * 2
    sound = growth((16384,))  # WaveGAN's five, from 16 (Donahue et al. 2019, table 2)
    assert sound.base == (16,)
    assert sound.steps == (Stride((4,), (25,)),) * 5
    assert [step.factors for step in growth((128,)).steps] == [(2,), (4,)]


@pytest.mark.parametrize(
    ("frames", "base", "factors"),
    [
        (2, 2, (1, 1, 1)),
        (4, 4, (1, 1, 1)),
        (5, 5, (1, 1, 1)),
        (8, 4, (1, 1, 2)),
        (10, 5, (1, 1, 2)),
        (12, 6, (1, 1, 2)),
        (15, 15, (1, 1, 1)),
        (16, 4, (1, 2, 2)),
        (18, 9, (1, 1, 2)),
        (20, 5, (1, 2, 2)),
        (24, 6, (1, 2, 2)),
        (64, 4, (2, 2, 2, 2)),
    ],
)
def test_clips_have_nearly_any_number_of_frames(frames, base, factors):
    way = growth((frames, 32, 32))
    assert way.base == (base, 4, 4)
    assert tuple(step.factors[0] for step in way.steps) == factors
    assert base * math.prod(factors) == frames
    assert Generator(2, 1, way, 1)(torch.randn(2, 2)).shape == (2, 1, frames, 32, 32)


@pytest.mark.parametrize(
    ("sizes", "said", "axis"),
    [
        ((16,), "32, 64, .* not 16", 0),
        ((8, 12), "8, 16, .* not 12", 1),
        ((8, 8, 4), "8, 16, .* not 4", 2),
        ((17, 8, 8), r"b up to 15, not 17 \(the nearest: 16, 18\)", 0),
        ((68, 8, 8), r"not 68 \(the nearest: 64, 72\)", 0),
    ],
)
def test_other_sizes_are_refused(sizes, said, axis):
    with pytest.raises(SizeError, match=said) as refused:
        growth(sizes)
    assert refused.value.axis == axis


@pytest.mark.parametrize("family", [DCGAN, VAE])
def test_the_knob_of_the_axis_that_does_not_fit_is_named(family):
    with pytest.raises(ConfigError, match=r"set data\.size( |\.)") as refused:
        family(ArraySpec(1, (8, 8, 18), 2, (), VIDEO))
    assert "data.frames" not in str(refused.value)


def test_frames_that_a_dcgan_cannot_make_are_told_by_their_own_knob():
    with pytest.raises(ConfigError, match=r"not 19 \(the nearest: 18, 20\): set data\.frames\."):
        DCGAN(ArraySpec(1, (19, 8, 8), 2, (), VIDEO))
    for frames in (5, 10, 15, 19):  # a VAE takes any
        module = VAE(ArraySpec(1, (frames, 8, 8), 2, (), VIDEO), width=2, hidden=4, latent_size=2)
        assert module.sample(1).data.shape == (1, 1, frames, 8, 8)


@pytest.mark.parametrize("shape", [(5, 3, 7), (5, 3, 4, 6), (5, 3, 2, 4, 3)], ids=ids)
def test_normalisation_is_torchs_own_over_any_axes(shape):
    torch.manual_seed(0)
    x = 3 + 2 * torch.randn(shape)
    own, theirs = GlobalBatchNorm(3), (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[len(shape) - 3](3)
    assert torch.equal(own(x), theirs(x))
    assert torch.equal(own.eval()(x), theirs.eval()(x))
    assert own.state_dict().keys() == theirs.state_dict().keys()
    conditional, labels = ConditionalBatchNorm(3, 2), torch.tensor([0, 1, 1, 0, 1])
    found = conditional(x, labels)
    for i, label in enumerate(labels):
        for c in range(3):
            gain, shift = conditional.gain.weight[label, c], conditional.shift.weight[label, c]
            normal = (x[i, c] - x[:, c].mean()) / (x[:, c].var(correction=0) + 1e-5).sqrt()
            torch.testing.assert_close(found[i, c], gain * normal + shift, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="axes"):
        own(x.flatten())


def test_the_memory_format_of_kernels_follows_the_axes_and_changes_no_value():
    formats = {2: torch.channels_last, 3: torch.channels_last_3d}
    for sizes in ((64,), (8, 8), (8, 8, 8)):
        torch.manual_seed(0)
        network = Discriminator(2, growth(sizes), 3, norm="layer")
        data = torch.randn(2, 2, *sizes)
        before = network(data)
        to_channels_last(network, len(sizes))
        torch.testing.assert_close(network(data), before)
        weight = network.layers[0].weight
        assert weight.is_contiguous(memory_format=formats.get(len(sizes), torch.contiguous_format))


# ---------------------------------------------------------------------- DCGAN's pair


@pytest.mark.parametrize("knobs", [{}, {"classes": 3}], ids=["plain", "labels"])
@pytest.mark.parametrize("sizes", SIZES, ids=ids)
def test_a_pair_makes_and_judges_arrays_and_each_parameter_is_trained(sizes, knobs):
    torch.manual_seed(0)
    generator = Generator(4, 2, growth(sizes), 2, **knobs)
    discriminator = Discriminator(2, growth(sizes), 2, extra=1, **knobs)
    labels = torch.arange(6) % 3
    drawn = generator(torch.randn(6, 4), labels)
    assert drawn.shape == (6, 2, *sizes)
    assert float(drawn.detach().abs().max()) <= 1
    logits = discriminator(drawn, labels)
    assert logits.shape == (6,)
    logits.square().sum().backward()
    every_parameter_has_a_gradient(generator, discriminator)


def test_a_generator_of_one_axis_is_a_chain_of_transposed_convolutions():
    torch.manual_seed(0)
    network, latent = Generator(5, 2, growth((256,)), 3), torch.randn(4, 5)
    weights = [p.detach() for name, p in network.named_parameters() if name.startswith("kernels")]
    assert [tuple(w.shape) for w in weights] == [(5, 6, 16), (6, 3, 25)]
    x = latent[:, :, None]
    for weight, norm, geometry in zip(weights, network.norms, [(1, 0, 0), (4, 11, 1)], strict=True):
        x = F.conv_transpose1d(x, weight, None, *geometry)
        x = F.batch_norm(x, None, None, norm.weight, norm.bias, training=True).relu()
    x = F.conv_transpose1d(x, network.to_image.weight, None, 4, 11, 1).tanh()
    assert x.shape == (4, 2, 256)
    torch.testing.assert_close(network(latent), x)


def test_a_discriminator_of_three_axes_is_a_chain_of_convolutions():
    torch.manual_seed(0)
    network, data = Discriminator(2, growth((8, 16, 16)), 3, norm="none"), torch.randn(3, 2, 8, 16, 16)
    first, second, last = (p.detach() for p in network.parameters())
    x = F.leaky_relu(F.conv3d(data, first, None, 2, 1), 0.2)
    x = F.leaky_relu(F.conv3d(x, second, None, (1, 2, 2), 1), 0.2)
    torch.testing.assert_close(network(data), F.conv3d(x, last).flatten())


def test_factors_and_kernels_may_be_given_axis_by_axis():
    """Time from 3, by 3 with a kernel of 7 and once not at all; height and width by 2."""
    way = Growth((3, 2, 2), (Stride((1, 2, 2), (3, 4, 4)), Stride((3, 2, 2), (7, 4, 4))))
    torch.manual_seed(0)
    drawn = Generator(4, 1, way, 2)(torch.randn(3, 4))
    assert drawn.shape == (3, 1, 9, 8, 8)
    assert Discriminator(1, way, 2)(drawn).shape == (3,)


# ---------------------------------------------------------------------- the VAE's pairs


@pytest.mark.parametrize("sizes", [(64,), (20,), (8, 12), (8, 8, 12), (6, 8, 8), (5, 8, 8)], ids=ids)
@pytest.mark.parametrize("name", PAIRS)
def test_encoders_and_decoders_over_any_axes(name, sizes):
    torch.manual_seed(0)
    encoder, decoder = PAIRS[name]((2, *sizes), 3, 4, 10, 5, 2)
    if name == "resnet":  # its blocks and its attention begin as nothing
        for network in (encoder, decoder):
            for n, p in network.named_parameters():
                if n.endswith(("last.weight", "proj.weight")):
                    torch.nn.init.normal_(p, 0, 0.1)
    data, labels = torch.rand(6, 2, *sizes), torch.arange(6) % 2
    code = encoder(data, labels)
    assert code.shape == (6, 8)
    output = decoder(code[:, :4], labels)
    assert output.shape == (6, 6, *sizes)
    (output.square().sum() + code.square().sum()).backward()
    for network in (encoder, decoder):
        missed = {n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum()}
        # The last kernel of a residual block begins at 0, and hides what stands before it.
        assert all(".first." in n or ".norm." in n for n in missed), missed
        assert name in ("residual", "moving") or not missed


def test_an_image_that_cannot_be_halved_twice_is_refused_and_a_video_only_for_its_sides():
    for sizes in ((10, 8), (18,), (8, 8, 10)):
        with pytest.raises(ValueError, match=f"{'×'.join(map(str, sizes))} cannot be"):
            PAIRS["conv"]((1, *sizes), 1, 2, 4, 2, 0)


# ---------------------------------------------------------------------- augmentation


@pytest.mark.parametrize("sizes", [(16,), (8, 16), (3, 6, 16)], ids=ids)
def test_what_is_moved_or_cut_is_what_a_loop_moves_or_cuts(sizes):
    """Of clips every frame by itself, with the same numbers."""
    torch.manual_seed(0)
    space = sizes[-2:]
    data, numbers = torch.rand(3, 2, *sizes), torch.rand(3, len(space))
    moved, cut = translation(data, numbers).numpy(), cutout(data, numbers).numpy()
    for b in range(3):
        shifts, starts = [], []
        for size, u in zip(space, numbers[b].tolist(), strict=True):
            reach, half = round(size / 8), size // 2
            shifts.append(math.floor(u * (2 * reach + 1)) - reach)
            starts.append(math.floor(u * (2 * half + 1)) - half + half - (size // 2) // 2)
        for place in itertools.product(*map(range, sizes)):
            time, own = place[: -len(space)], place[-len(space) :]
            source = tuple(p - s for p, s in zip(own, shifts, strict=True))
            inside = all(0 <= s < size for s, size in zip(source, space, strict=True))
            expected = data[(b, slice(None), *time, *source)].numpy() if inside else EMPTY[len(space)]
            assert (moved[(b, slice(None), *place)] == expected).all()
            blank = all(s <= p < s + n // 2 for p, s, n in zip(own, starts, space, strict=True))
            kept = data[(b, slice(None), *place)].numpy()
            assert (cut[(b, slice(None), *place)] == (0 if blank else kept)).all()


@pytest.mark.parametrize("name", POLICIES)
def test_frames_of_a_clip_are_changed_alike(name):
    """A clip of equal frames stays one, and its frames are what the image becomes."""
    torch.manual_seed(0)
    images, policy = torch.rand(4, 3, 8, 8) * 2 - 1, POLICIES[name]
    numbers = torch.rand(4, policy.numbers[3])
    clips = images[:, :, None].expand(-1, -1, 5, -1, -1).contiguous(memory_format=torch.channels_last_3d)
    changed = policy.change(clips, numbers)
    for t in range(5):
        torch.testing.assert_close(changed[:, :, t], policy.change(images, numbers))


def test_colour_is_of_images_and_their_sequences():
    assert 1 not in POLICIES["colour"].numbers
    torch.manual_seed(0)
    video, numbers = torch.rand(2, 3, 2, 4, 4), torch.rand(2, 3)
    one_long_image = POLICIES["colour"].change(video.flatten(2, 3), numbers)
    torch.testing.assert_close(POLICIES["colour"].change(video, numbers).flatten(2, 3), one_long_image)


# ---------------------------------------------------------------------- families

GAN = {"latent_size": 4, "width": 2}
ENCODED = {"latent_size": 3, "width": 2, "hidden": 8}
FAMILIES = {
    "dcgan": (DCGAN, GAN),
    "dcgan-labels": (DCGAN, {**GAN, "conditional": True, "augment": ["translation", "cutout"]}),
    "dcgan-r1": (DCGAN, {**GAN, "norm": "layer", "r1": 1.0, "spectral_norm": True}),
    "vae": (VAE, {**ENCODED, "likelihood": "categorical"}),
    "vae-residual": (VAE, {**ENCODED, "network": "residual", "conditional": True, "importance_samples": 2}),
    "vae-mlp": (VAE, {**ENCODED, "network": "mlp", "likelihood": "gaussian"}),
}


@pytest.mark.parametrize("sizes", [(64,), (8, 16), (8, 8, 16)], ids=ids)
@pytest.mark.parametrize("name", FAMILIES)
def test_families_are_trained_on_arrays_of_any_axes_and_draw_them(name, sizes):
    torch.manual_seed(0)
    family, knobs = FAMILIES[name]
    module = family(ArraySpec(2, sizes, 5, ("a", "b")), **knobs)
    data = torch.randint(0, 5, (6, 2, *sizes), dtype=torch.uint8)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    batches = [Batch(data, range(6), torch.arange(6) % 2)] * 2
    trainer = fit(module, batches, val=batches)
    assert trainer.global_step == 2
    assert all(math.isfinite(float(v)) for k, v in trainer.callback_metrics.items() if k.startswith("val/"))
    for key, parameter in module.named_parameters():
        hidden = ".first." in key  # behind the last kernel of its residual block, which begins at 0
        assert hidden or not torch.equal(before[key], parameter), key
    drawn = module.sample(3).data
    assert drawn.shape == (3, 2, *sizes)
    assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1


def test_what_is_of_images_alone_is_refused_of_other_arrays():
    with pytest.raises(ConfigError, match="augment=colour is of images"):
        DCGAN(ArraySpec(1, (64,)), augment=["colour"])
    with pytest.raises(ConfigError, match=r"8, 16, .* not 12: set data\.size"):
        DCGAN(ArraySpec(1, (8, 12)))
    with pytest.raises(ConfigError, match=r"9×8 cannot be: set data\.size to a multiple of 4, or model"):
        VAE(ArraySpec(1, (9, 8)))


def test_what_has_no_other_size_is_told_of_none():
    """Only pictures can be brought to one."""

    @dataclass(frozen=True)
    class Waves(ImageMedium):
        axes: tuple[str, ...] = ("time",)
        pictorial: bool = False
        sized_by: str = ""

    for family, said in (
        (DCGAN, "not 18: choose another model."),
        (VAE, "cannot be: set model.network=mlp."),
    ):
        with pytest.raises(ConfigError) as refused:
            family(ArraySpec(1, (18,), medium=Waves()))
        assert str(refused.value).endswith(said)
