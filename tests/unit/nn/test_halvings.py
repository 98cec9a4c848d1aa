"""Levels of a network: how often sizes are halved, what is padded, and the blocks that stand at each."""

import pytest
import torch
from torch.nn.functional import multi_head_attention_forward

from genkit.nn.halvings import Padding, halvings
from genkit.nn.places_attention import PlacesAttention
from genkit.nn.residual_block import ResidualBlock, group_norm


@pytest.mark.parametrize(
    ("sizes", "smallest"),
    [
        ((28, 28), (7, 7)),
        ((32, 32), (4, 4)),
        ((33, 32), (5, 4)),
        ((128, 64), (4, 4)),
        ((1, 1), (1, 1)),
        ((3, 10_000), (3, 5)),
        ((16_384,), (4,)),
        ((8, 16, 16), (4, 4, 4)),
    ],
)
def test_sizes_come_down_to_four_to_seven_places(sizes, smallest):
    padding = Padding.of_levels(sizes, halvings(sizes))
    assert padding.smallest == smallest
    assert all(to - size < by for size, to, by in zip(sizes, padding.padded, padding.multiples, strict=True))


def test_a_short_axis_is_halved_next_to_the_data_and_no_more_often_than_allowed():
    assert halvings((32, 8)) == ((2, 2), (2, 1), (2, 1))
    assert halvings((32, 8), most=2) == ((2, 2), (2, 1))
    assert halvings((32, 32), smallest=8) == ((2, 2), (2, 2))


@pytest.mark.parametrize("sizes", [(5,), (5, 7), (3, 5, 7), (4, 8)])
def test_what_is_padded_is_zeros_around_what_is_cropped_again(sizes):
    padding = Padding(sizes, (4,) * len(sizes))
    data = torch.rand(2, 3, *sizes) + 1
    padded = padding.pad(data)
    assert padded.shape[2:] == padding.padded
    assert all(size % 4 == 0 for size in padded.shape[2:])
    assert torch.equal(padding.crop(padded), data)
    assert padded.sum() == pytest.approx(data.sum().item())


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_block_begins_as_the_identity_and_hears_what_it_is_told(axes):
    torch.manual_seed(0)
    block, x = ResidualBlock(8, 8, axes, told=4), torch.randn(2, 8, *[6] * axes)
    assert torch.equal(block(x, torch.randn(2, 4)), x)
    torch.nn.init.normal_(block.last.weight)
    told = torch.randn(2, 4)
    first, other = block(x, told), block(x, torch.stack((told[0], told[1] + 1)))
    torch.testing.assert_close(first[0], other[0])
    assert (first[1] - other[1]).abs().max() > 1e-3


def test_channels_are_normalised_in_equal_groups():
    for channels in (1, 3, 8, 20, 36, 48, 96, 128):
        norm = group_norm(channels)
        assert channels % norm.num_groups == 0
        assert channels < 16 or channels // norm.num_groups <= 20


@pytest.mark.parametrize("sizes", [(7,), (3, 4), (2, 3, 2)])
def test_every_place_sees_every_other_as_torch_has_it(sizes):
    torch.manual_seed(0)
    attention, x = PlacesAttention(16, heads=4), torch.randn(2, 16, *sizes)
    assert torch.equal(attention(x), x)
    torch.nn.init.normal_(attention.proj.weight, std=0.3)
    places = attention.norm(x).flatten(2).permute(2, 0, 1)  # (N, B, C)
    theirs, _ = multi_head_attention_forward(
        *(places, places, places, 16, 4),
        *(attention.qkv.weight, attention.qkv.bias, None, None, False, 0.0),
        *(attention.proj.weight, attention.proj.bias),
        need_weights=False,
    )
    torch.testing.assert_close(attention(x), x + theirs.permute(1, 2, 0).reshape(x.shape))
