"""Deeper networks of a DCGAN: a mapping of latents, residual blocks."""

import pytest
import torch

from genkit.nn.convolutions import Discriminator, Generator, growth
from genkit.nn.residual import Residual


@pytest.mark.parametrize("initial", ["dcgan", "he"])
@pytest.mark.parametrize("sizes", [(64,), (8, 16), (8, 8, 16)], ids=str)
def test_residual_blocks_begin_as_nothing(sizes, initial):
    """However kernels begin, a network with blocks begins as the one without."""
    way, options = growth(sizes), {"norm": "none", "bias": True, "initial": initial}
    torch.manual_seed(0)
    deep, plain = (Generator(4, 1, way, 4, 3, residual=blocks, **options) for blocks in (2, 0))
    judge, shallow = (Discriminator(1, way, 4, classes=3, residual=blocks, **options) for blocks in (2, 0))
    plain.load_state_dict(deep.state_dict(), strict=False)
    kept = [layer for layer in judge.layers if not isinstance(layer, Residual)]
    for layer, other in zip(kept, shallow.layers, strict=True):
        other.load_state_dict(layer.state_dict())
    for end in ("to_logit", "classes"):
        getattr(shallow, end).load_state_dict(getattr(judge, end).state_dict())
    latent, labels = torch.randn(5, 4), torch.tensor([0, 1, 2, 1, 0])
    made = deep(latent, labels)
    torch.testing.assert_close(made, plain(latent, labels), rtol=0, atol=0)
    torch.testing.assert_close(judge(made, labels), shallow(made, labels), rtol=0, atol=0)


def test_blocks_and_mapping_learn():
    """Each of their parameters has a gradient as soon as the last kernels are no longer 0."""
    way = growth((8, 8, 16))
    generator = Generator(4, 1, way, 4, 3, norm="none", mapping=2, residual=1, bias=True, initial="he")
    judge = Discriminator(1, way, 4, classes=3, norm="none", residual=1, bias=True, initial="he")
    for block in [*generator.modules(), *judge.modules()]:
        if isinstance(block, Residual):
            torch.nn.init.normal_(block.last.weight, 0, 0.1)
    labels = torch.tensor([0, 1, 2, 1])
    judge(generator(torch.randn(4, 4), labels), labels).sum().backward()
    assert len(generator.mapping) == 4
    dead = [
        name
        for network in (generator, judge)
        for name, parameter in network.named_parameters()
        if not parameter.grad.abs().sum() > 0
    ]
    assert not dead


def test_phase_shuffle_moves_what_leaves_the_blocks():
    """Places between layers are those behind their blocks, one for each layer that divides but the last."""
    judge = Discriminator(1, growth((256,)), 4, norm="none", residual=2)
    assert len(judge.joints) == len(growth((256,)).steps) - 1
    assert all(isinstance(judge.layers[joint], Residual) for joint in judge.joints)
