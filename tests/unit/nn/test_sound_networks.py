"""Networks over a single axis: the polyphase form, repeats, phase shuffle and labels, against bare loops."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from genkit.core.media.audio import AUDIO
from genkit.core.spec import ArraySpec
from genkit.families.dcgan import DCGAN
from genkit.nn.adversarial import gradient_penalty
from genkit.nn.axes import Stride, stride
from genkit.nn.convolutions import Discriminator, Generator, growth
from genkit.nn.phase_shuffle import shifts, shuffled
from genkit.nn.polyphase import Decimation, Interpolation
from genkit.nn.resampling import nearest
from genkit.system.errors import ConfigError

# Kernel, stride, padding and output padding; the last two have no polyphase form of the same length.
FORMS = [(25, 4, 11, 1), (25, 2, 12, 1), (28, 4, 12, 0), (26, 2, 12, 0), (4, 2, 1, 0), (9, 4, 3, 1)]
FORMS += [(5, 3, 2, 2), (7, 1, 3, 0), (16, 4, 2, 0)]


# ---------------------------------------------------------------------- layers


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("bias", [False, True])
def test_the_polyphase_form_is_torchs_convolution_to_the_second_derivative(form, bias):
    torch.manual_seed(0)
    kernel, step, padding, rest = form
    down = Decimation(3, 5, kernel, step, padding, bias=bias).double()
    up = Interpolation(3, 5, kernel, step, padding, rest, bias=bias).double()
    for layer, plain in ((down, nn.Conv1d), (up, nn.ConvTranspose1d)):
        x = torch.randn(2, 3, 24).double().requires_grad_()
        sides = []
        for forward in (layer.forward, lambda x, layer=layer, plain=plain: plain.forward(layer, x)):
            y = forward(x)
            first = torch.autograd.grad((y**3).sum(), [x, *layer.parameters()], create_graph=True)
            second = torch.autograd.grad(first[0].square().sum(), [x, layer.weight])
            sides.append([y, *first, *second])
        for own, theirs in zip(*sides, strict=True):
            torch.testing.assert_close(own, theirs, rtol=1e-10, atol=1e-9)


def test_the_polyphase_form_is_taken_on_a_cpu(monkeypatch):
    """Of the layers that are meant: that all agree proves nothing where none is taken."""
    taken = []
    for name in ("conv2d", "conv_transpose2d"):
        own = getattr(F, name)
        monkeypatch.setattr(F, name, lambda *a, own=own, name=name: (taken.append(name), own(*a))[1])
    for step in (stride(4), stride(2)):
        Decimation(2, 3, *step.down)(torch.randn(1, 2, 32))
        Interpolation(2, 3, *step.up)(torch.randn(1, 2, 8))
        nearest(2, 3, step, False)(torch.randn(1, 2, 8))
    assert taken == ["conv2d", "conv_transpose2d", "conv_transpose2d"] * 2


@pytest.mark.parametrize("step", [stride(4), stride(2), stride(2, 2), stride(1, 2), stride(2, 1, 2)])
def test_repeats_with_a_convolution_are_one_transposed_convolution(step):
    torch.manual_seed(0)
    layer = nearest(3, 2, step, True).double()
    sizes = (6, 4, 5)[: len(step.factors)]
    x = torch.randn(2, 3, *sizes).double()
    repeated = x
    for axis, factor in enumerate(step.factors, 2):
        repeated = repeated.repeat_interleave(factor, axis)
    own = layer.parametrizations.weight.original
    assert all(size % 2 for size in own.shape[2:])
    convolve = (F.conv1d, F.conv2d, F.conv3d)[len(sizes) - 1]
    turned = own.transpose(0, 1).flip(tuple(range(2, own.ndim)))  # a transposed convolution turns its kernel
    expected = convolve(repeated, turned, layer.bias, padding=tuple(k // 2 for k in own.shape[2:]))
    torch.testing.assert_close(layer(x), expected, rtol=1e-10, atol=1e-10)


# ---------------------------------------------------------------------- phase shuffle


@pytest.mark.parametrize("shift", range(-3, 4))
def test_phase_shuffle_is_the_published_one(shift):
    """As WaveGAN's code has it: pad with reflected edges on the one side, and cut on the other."""
    x = np.random.default_rng(0).normal(size=(2, 3, 9))
    left, right = max(shift, 0), max(-shift, 0)
    padded = np.pad(x, ((0, 0), (0, 0), (left, right)), mode="reflect")
    expected = padded[:, :, right : right + 9]
    np.testing.assert_array_equal(shuffled(torch.from_numpy(x), torch.tensor(shift)).numpy(), expected)


def test_a_shift_is_each_whole_number_within_reach_equally_often():
    uniform = torch.arange(5000) / 5000
    values, counts = shifts(uniform, 2).unique(return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    assert counts.tolist() == [1000] * 5


def test_a_discriminator_shuffles_behind_each_strided_layer_but_the_last():
    torch.manual_seed(0)
    network = Discriminator(1, growth((1024,)), 2, norm="none", bias=True, extra=1)
    data, moved = torch.randn(3, 1, 1024), torch.tensor([-2, 1])
    convolutions = [layer for layer in network.layers if isinstance(layer, nn.Conv1d)]
    assert [layer.bias is not None for layer in (*convolutions, network.to_logit)] == [True] * 5
    x = data
    for i, layer in enumerate(convolutions):
        geometry = (4, 11) if i < 3 else (1, 1)
        x = F.leaky_relu(F.conv1d(x, layer.weight, layer.bias, *geometry), 0.2)
        if i < len(moved):
            x = torch.stack([shuffled(row[None], moved[i])[0] for row in x])
    expected = F.conv1d(x, network.to_logit.weight, network.to_logit.bias).flatten()
    torch.testing.assert_close(network(data, None, moved), expected)
    assert not torch.allclose(network(data), expected)


# ---------------------------------------------------------------------- the scale at the beginning


@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
@pytest.mark.parametrize("initial", ["he", "dcgan"])
@torch.no_grad()
def test_without_normalisation_hes_kernels_keep_the_scale_and_dcgans_do_not(upsampling, initial):
    torch.manual_seed(0)
    way = growth((4096,))
    knobs = {"norm": "none", "initial": initial}
    generator = Generator(64, 1, way, 16, upsampling=upsampling, **knobs)
    loudness = generator(torch.randn(32, 64)).square().mean().sqrt()
    features = Discriminator(1, way, 16, **knobs).layers(torch.randn(32, 1, 4096)).square().mean().sqrt()
    for scale in (loudness, features):
        assert (float(scale) > 0.25) is (initial == "he")
        assert float(scale) < 2


# ---------------------------------------------------------------------- labels


@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
def test_labels_reach_every_layer_without_normalisation(upsampling):
    torch.manual_seed(0)
    generator = Generator(8, 1, growth((256,)), 4, 3, norm="none", upsampling=upsampling, initial="he")
    latent, labels = torch.randn(6, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    drawn = generator(latent, labels)
    assert (drawn - generator(latent, (labels + 1) % 3)).abs().amax((1, 2)).min() > 1e-3
    # One example alone moves its own class's rows and no other's; and it does not depend on the batch.
    torch.testing.assert_close(generator(latent[:1], labels[:1]), drawn[:1])
    generator(latent[:1], labels[:1]).square().sum().backward()
    tables = [norm.gain for norm in generator.norms] + [norm.shift for norm in generator.norms]
    for table in (generator.classes, *tables):
        moved = table.weight.grad.abs().sum(1) > 0
        assert moved.tolist() == [True, False, False]


def test_a_layer_with_labels_is_the_convolution_with_a_gain_and_a_shift_of_its_class():
    torch.manual_seed(0)
    network = Generator(4, 2, growth((64,)), 3, 2, norm="none")
    latent, labels = torch.randn(2, 4), torch.tensor([1, 0])
    drawn = network(latent, labels)
    for i, label in enumerate(labels):
        x = torch.cat((latent[i], network.classes.weight[label]))[None, :, None]
        x = F.conv_transpose1d(x, network.kernels[0].weight)
        norm = network.norms[0]
        x = (x * norm.gain.weight[label][:, None] + norm.shift.weight[label][:, None]).relu()
        x = F.conv_transpose1d(x, network.to_image.weight, None, 4, 11, 1).tanh()
        torch.testing.assert_close(drawn[i], x[0])


# ---------------------------------------------------------------------- sizes


def test_mixed_factors_reach_what_lies_between_powers_of_four():
    assert [step.factors for step in growth((4096,)).steps] == [(4,)] * 4
    assert [step.factors for step in growth((8192,)).steps] == [(2,), (4,), (4,), (4,), (4,)]
    assert growth((8192,)).steps[0] == Stride((2,), (25,))
    drawn = Generator(4, 1, growth((8192,)), 1, norm="none")(torch.randn(2, 4))
    assert drawn.shape == (2, 1, 8192)
    assert Discriminator(1, growth((8192,)), 1, norm="none")(drawn).shape == (2,)


@pytest.mark.parametrize("size", [4095, 5000, 8191])
def test_a_length_between_is_refused_with_the_nearest_and_the_knob(size):
    with pytest.raises(
        ConfigError, match=r"not \d+ \(the nearest: 4096, 8192\)|not 4095.*2048, 4096"
    ) as refused:
        DCGAN(ArraySpec(1, (size,), 65_536, medium=AUDIO, rate=8_000.0))
    assert str(refused.value).endswith(": set data.length.")
    assert "\n" not in str(refused.value)


def test_phase_shuffle_is_refused_where_there_is_nothing_to_shuffle():
    with pytest.raises(ConfigError, match=r"phase_shuffle=2 .* have 2 axes: set model\.phase_shuffle=0"):
        DCGAN(ArraySpec(1, (8, 8)), phase_shuffle=2)
    with pytest.raises(ConfigError, match="discriminator of one layer"):
        DCGAN(ArraySpec(1, (64,), 65_536, medium=AUDIO), phase_shuffle=2)


# ---------------------------------------------------------------------- WGAN-GP


def test_the_gradient_penalty_of_sounds_is_taken_example_by_example():
    torch.manual_seed(0)
    network = Discriminator(2, growth((256,)), 2, norm="none", bias=True, initial="he").double()
    real, fake, share = (
        torch.randn(5, 2, 256).double(),
        torch.randn(5, 2, 256).double(),
        torch.rand(5).double(),
    )
    found = gradient_penalty(network, real, fake, share)
    expected = []
    for i in range(5):
        mixed = (share[i] * real[i] + (1 - share[i]) * fake[i]).requires_grad_()
        slope = torch.autograd.functional.jacobian(lambda x: network(x[None])[0], mixed)
        expected.append((slope.flatten().norm() - 1) ** 2)
    assert float(found.detach()) == pytest.approx(float(sum(expected).detach() / 5), rel=1e-9)
