"""A VAE's network that is as deep as its data is large: sizes, padding, latents at places, labels."""

import math

import pytest
import torch
from torch import nn

from genkit import config
from genkit.core.batch import Batch
from genkit.core.noise import Noise
from genkit.core.spec import ArraySpec
from genkit.families.vae import VAE
from genkit.nn.depth import Depth, levels
from genkit.nn.passage import Draw
from genkit.nn.resnet_autoencoder import resnet_pair
from genkit.system.errors import ConfigError

DEPTH = Depth((4, 8), places=(2, 1))


def begun(network: nn.Module) -> None:
    """Blocks and attention begin as nothing; here they are not to."""
    for name, parameter in network.named_parameters():
        if name.endswith(("last.weight", "proj.weight")):
            nn.init.normal_(parameter, 0, 0.2)


def pair(sizes, classes=0, depth=DEPTH):
    torch.manual_seed(0)
    made = resnet_pair((2, *sizes), 3, 5, 16, 4, classes, depth)
    for network in made:
        begun(network)
    return made


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ((28, 28), [(14, 14), (7, 7)]),
        ((128, 128), [(64, 64), (32, 32), (16, 16), (8, 8), (4, 4)]),
        ((33, 20), [(20, 10), (10, 5), (5, 5)]),
        ((16, 64, 64), [(8, 32, 32), (4, 16, 16), (4, 8, 8), (4, 4, 4)]),
        ((1000,), [(512,), (256,), (128,), (64,), (32,), (16,), (8,), (4,)]),
        ((3, 2), [(3, 2)]),
    ],
    ids=str,
)
def test_there_are_as_many_sizes_as_the_data_asks_for(sizes, found):
    depth = Depth((4, 8, 16), blocks=(0, 2), places=(3, 1))
    made = levels(sizes, depth)
    assert [level.sizes for level in made] == found
    assert [level.channels for level in made] == [4, 8, *[16] * (len(found) - 2)][: len(found)]
    assert [level.blocks for level in made] == [0, *[2] * (len(found) - 1)]
    assert [level.latents for level in made] == [*[0] * (len(found) - 2), 1, 3][-len(found) :]


@pytest.mark.parametrize("sizes", [(1,), (97,), (1, 1), (13, 30), (3, 100), (5, 9, 14)], ids=str)
def test_any_size_is_taken_and_put_out(sizes):
    encoder, decoder = pair(sizes, classes=3)
    data, labels = torch.rand(4, 2, *sizes), torch.tensor([0, 2, 1, 0])
    normal = torch.randn(4, sum(decoder.latents))
    passage = decoder.passage(decoder.parts(encoder(data, labels)), normal, labels)
    assert passage.output.shape == (4, 6, *sizes)
    # What is drawn on the way and what is decoded of it afterwards are one.
    torch.testing.assert_close(decoder(passage.latent, labels), passage.output)
    (passage.output.square().sum() + passage.mean.sum() + passage.log_variance.sum()).backward()
    for network in (encoder, decoder):
        assert not [n for n, p in network.named_parameters() if p.grad is None]


def test_a_size_that_is_no_multiple_is_the_middle_of_the_next_that_is():
    """Zeros are around it on the way in, and what is decoded around it is cut off."""
    encoder, decoder = pair((13, 9))
    other_encoder, other_decoder = pair((14, 10))
    for ours, theirs in ((encoder, other_encoder), (decoder, other_decoder)):
        theirs.load_state_dict(ours.state_dict())
    data, normal = torch.rand(3, 2, 13, 9), torch.randn(3, sum(decoder.latents))
    around = torch.zeros(3, 2, 14, 10)
    around[:, :, :13, :9] = data
    seen = encoder(data)
    torch.testing.assert_close(seen, other_encoder(around), rtol=0, atol=0)
    parts = decoder.parts(seen)
    whole = other_decoder.passage(parts, normal).output
    torch.testing.assert_close(decoder.passage(parts, normal).output, whole[:, :, :13, :9], rtol=0, atol=0)


def test_padded_places_are_no_part_of_the_likelihood():
    """Of a decoder that knows nothing each of 13·9 pixels has one bit, whatever stands in the padding."""
    model = VAE(ArraySpec(1, (13, 9), levels=2), network="resnet", channels=(4,), latent_size=2, hidden=8)
    last = model.decoder.end[-1]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    batch = Batch((torch.rand(3, 1, 13, 9) > 0.5).float(), range(3))
    parts = model.score_batch(batch, Noise(0, range(3)))
    torch.testing.assert_close(parts["reconstruction"], torch.full((3,), 13 * 9 * math.log(2)))


def test_latents_at_places_are_told_those_before_them_and_no_others():
    encoder, decoder = pair((16, 16))
    assert decoder.latents == (5, 2 * 4 * 4, 1 * 8 * 8)
    seen, normal = decoder.parts(encoder(torch.rand(1, 2, 16, 16))), torch.randn(1, sum(decoder.latents))
    found = decoder.passage(seen, normal)
    for moved, after in ((0, 5), (5, 37), (37, 101)):
        other = normal.clone()
        other[:, moved] += 1.0
        changed = (decoder.passage(seen, other).mean != found.mean)[0]
        assert not changed[:after].any()
        assert changed[after:].any() or after == 101


def test_draws_side_by_side_are_those_drawn_one_by_one():
    encoder, decoder = pair((12, 10), classes=3)
    labels = torch.tensor([2, 0])
    seen = decoder.parts(encoder(torch.rand(2, 2, 12, 10), labels))
    normal = torch.randn(3, 2, sum(decoder.latents))
    together = decoder.passage(seen, normal, labels)
    assert together.mean.shape == normal.shape
    for k in range(3):
        alone = decoder.passage(seen, normal[k], labels)
        torch.testing.assert_close(alone.latent, together.latent[k])
        torch.testing.assert_close(alone.output, together.output[2 * k : 2 * k + 2])


@pytest.mark.parametrize("blocks", [(0,), (1,)])
def test_the_label_is_heard_both_ways(blocks):
    encoder, decoder = pair((16, 16), classes=3, depth=Depth((4, 8), blocks, places=(1,)))
    data, latent = torch.rand(1, 2, 16, 16), torch.randn(1, sum(decoder.latents))
    first, other = torch.tensor([0]), torch.tensor([1])
    assert not torch.equal(encoder(data, first), encoder(data, other))
    assert not torch.equal(decoder(latent, first), decoder(latent, other))


def test_dense_layers_hold_no_more_than_half_of_a_network_for_large_pictures():
    knobs = dict(config.compose("train", ["model=vae_resnet"]).plain["model"])
    for word in ("family", "view", "sizes", "axes", "select"):
        knobs.pop(word, None)
    with torch.device("meta"):
        model = VAE(ArraySpec(3, (128, 128)), **knobs | {"latent_size": 128})
    dense = sum(
        p.numel() for module in model.modules() if isinstance(module, nn.Linear) for p in module.parameters()
    )
    total = sum(p.numel() for p in model.parameters())
    assert 0.1 < dense / total <= 0.5


def test_places_of_more_sizes_than_there_are_are_refused():
    with pytest.raises(ConfigError, match="have 2 in the network: give no more"):
        VAE(ArraySpec(1, (28, 28)), network="resnet", places=[2, 2, 2])


def test_a_posterior_that_is_told_to_be_infinitely_wide_stays_finite():
    """Ordinary log-variances are as they were said, and absurd ones give no NaN, nor a gradient that is."""
    said = torch.tensor([[0.0, 0.0, 0.0, 0.0, -30.0, -1.0, 2.0, 1e4]], requires_grad=True)
    draw = Draw.of(said, torch.ones(1, 4))
    torch.testing.assert_close(draw.log_variance[0, :3], said[0, 4:7], rtol=0, atol=1e-3)
    (draw.latent.sum() + draw.log_variance.exp().sum()).backward()
    assert torch.isfinite(draw.latent).all()
    assert torch.isfinite(said.grad).all()
