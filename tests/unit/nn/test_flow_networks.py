"""Networks of velocities over one to three axes: blocks of places, what they are told, where they begin."""

import pytest
import torch

from genkit.nn.array_transformer import ArrayTransformer
from genkit.nn.patching import Patching
from genkit.nn.unet import UNet

SIZES = [(1,), (9,), (8, 8), (7, 10), (1, 1), (3, 5, 7)]


def unet(sizes, **knobs):
    chosen = {
        "width": 8,
        "levels": None,
        "blocks": 1,
        "heads": None,
        "patch": 1,
        "dropout": 0.0,
        "classes": 3,
    }
    return UNet(2, sizes, **{**chosen, **knobs})


def transformer(sizes, **knobs):
    chosen = {"width": 8, "blocks": 2, "heads": 2, "patch": 2, "dropout": 0.0, "classes": 3}
    return ArrayTransformer(2, sizes, **{**chosen, **knobs})


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("side", [1, 2, 3, 50])
def test_blocks_are_the_places_of_an_array_and_come_back(sizes, side):
    patching = Patching.of(sizes, side)
    data = torch.arange(2 * 3 * torch.Size(sizes).numel(), dtype=torch.float32).view(2, 3, *sizes)
    blocks = patching.split(data)
    assert blocks.shape == (2, 3 * patching.numbers, *patching.grid)
    assert torch.equal(patching.joined(blocks), data)


def test_a_block_holds_neighbours_channel_by_channel():
    data = torch.arange(32.0).view(1, 2, 4, 4)
    blocks = Patching.of((4, 4), 2).split(data)
    assert blocks[0, :, 0, 1].tolist() == [2, 3, 6, 7, 18, 19, 22, 23]


@pytest.mark.parametrize("make", [unet, transformer])
@pytest.mark.parametrize("sizes", SIZES)
def test_a_network_of_any_sizes_begins_at_nothing_and_hears_time_and_label(make, sizes):
    torch.manual_seed(0)
    network, data = make(sizes).eval(), torch.randn(2, 2, *sizes)
    at, labels = torch.tensor([0.3, 0.3]), torch.tensor([0, 0])
    assert torch.equal(network(data, at, labels), torch.zeros_like(data))
    for parameter in network.parameters():  # as training would
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    with torch.no_grad():
        found = network(data, at, labels)
        later = network(data, torch.tensor([0.3, 0.9]), labels)
        other = network(data, at, torch.tensor([0, 3]))  # the last is of no label
    assert found.shape == data.shape
    for changed in (later, other):
        torch.testing.assert_close(changed[0], found[0])
        assert (changed[1] - found[1]).abs().max() > 1e-3


def test_levels_and_patches_bound_what_a_network_is():
    deep, flat, coarse = unet((32, 32)), unet((32, 32), levels=1), unet((32, 32), patch=4)
    assert [len(network.down) for network in (deep, flat, coarse)] == [4, 1, 2]
    assert len(transformer((6, 7)).places[1]) == 4


@pytest.mark.parametrize("make", [unet, transformer])
def test_every_place_can_hear_every_other(make):
    torch.manual_seed(0)
    network = make((16, 16)).eval()
    for parameter in network.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    data = torch.randn(1, 2, 16, 16, requires_grad=True)
    network(data, torch.tensor([0.5]), torch.tensor([1]))[0, 0, 0, 0].backward()
    assert data.grad is not None
    assert (data.grad.abs().sum((0, 1)) > 0).all()
