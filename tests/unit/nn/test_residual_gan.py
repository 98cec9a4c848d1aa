"""Residual networks of a GAN: any sizes, gradients of gradients, labels, and the beginning."""

from functools import partial

import pytest
import torch
from torch import nn

from genkit.nn.bottleneck import Bottleneck
from genkit.nn.memory_format import to_channels_last
from genkit.nn.residual_gan import Ladder, ResidualDiscriminator, ResidualGenerator

SIZES = [(8, 8), (28, 28), (48, 80), (96, 64), (31, 17), (1, 1), (3, 9), (200,), (8000,), (5, 16, 12)]
ladder = partial(Ladder, width=4, widest=8, blocks=1, expansion=2, group=4, strided=False)


def pair(sizes, classes=0, channels=2, **knobs):
    torch.manual_seed(0)
    made = ladder(sizes, **knobs)
    generator = ResidualGenerator(4, channels, made, classes)
    return generator, ResidualDiscriminator(channels, made, classes)


def stirred(*networks):
    """With last kernels of blocks that are no longer 0."""
    for network in networks:
        for block in network.modules():
            if isinstance(block, Bottleneck):
                nn.init.normal_(block.narrowing.weight, 0, 0.3)
    return networks


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_any_sizes_are_made_and_judged_and_all_that_is_there_learns(sizes, strided):
    generator, judge = stirred(*pair(sizes, 3, strided=strided))
    labels = torch.tensor([0, 1, 2])
    data = generator(torch.randn(3, 4), labels)
    assert data.shape == (3, 2, *sizes)
    assert data.abs().max() <= 1
    logits = judge(data, labels)
    assert logits.shape == (3,)
    logits.square().sum().backward()
    dead = [
        name
        for network in (generator, judge)
        for name, parameter in network.named_parameters()
        if not parameter.grad.abs().sum() > 0
    ]
    assert not dead


@pytest.mark.parametrize("size", range(8, 70))
def test_the_small_end_has_four_to_seven_places_where_nothing_needs_padding(size):
    made = ladder((size, 64))
    rows, columns = made.padding.smallest
    assert columns == 4
    assert 4 <= rows <= 8
    padded = made.padding.padded[0]
    assert size <= padded < size + 2 ** len(made.factors)
    if size in (8, 10, 12, 14, 20, 24, 28, 40, 48, 56):
        assert padded == size


def test_every_place_is_made_and_seen_also_where_data_are_padded():
    generator, judge = stirred(*pair((9, 13)))
    data = generator(torch.randn(2, 4)).detach().requires_grad_(True)
    assert (data.std(0) > 0).all()
    (slope,) = torch.autograd.grad(judge(data).sum(), data)
    assert (slope != 0).all()


def test_blocks_begin_as_nothing():
    labels, latent = torch.tensor([0, 1, 2, 0]), torch.randn(4, 4)
    deep, judge = pair((16, 24), 3, blocks=2)
    plain, shallow = pair((16, 24), 3, blocks=0)
    plain.load_state_dict(deep.state_dict(), strict=False)
    shallow.load_state_dict(judge.state_dict(), strict=False)
    made = deep(latent, labels)
    torch.testing.assert_close(made, plain(latent, labels), rtol=0, atol=0)
    torch.testing.assert_close(judge(made, labels), shallow(made, labels), rtol=0, atol=0)


def test_numbers_begin_about_as_large_as_they_come_however_deep_a_network_is():
    for blocks in (1, 6):
        generator, judge = pair((32, 32), channels=3, width=16, widest=64, blocks=blocks)
        with torch.no_grad():
            raw, logits = generator.drawn(torch.randn(200, 4)), judge(torch.randn(200, 3, 32, 32))
        assert 0.3 < raw.std() < 1.5
        assert 0.1 < logits.std() < 3


def test_channels_of_a_group_see_each_other_and_no_others():
    torch.manual_seed(0)
    for group, reached in ((4, 4), (0, 8), (1, 1)):
        block = Bottleneck(4, 2, expansion=2, group=group, depth=1)
        x = torch.randn(1, 8, 5, 5)
        moved = x.clone()
        moved[0, 0] += 1
        changed = (block.seeing(moved) - block.seeing(x)).abs().amax((0, 2, 3)) > 1e-6
        assert int(changed.sum()) == reached
        assert changed[:reached].all()


def test_a_block_is_three_convolutions_beside_what_passes():
    """Against matrices that are multiplied place by place."""
    torch.manual_seed(0)
    block = Bottleneck(3, 2, expansion=2, group=0, depth=1).double()
    nn.init.normal_(block.narrowing.weight)
    x = torch.randn(2, 3, 4, 5).double()
    wide = torch.einsum("oi,bihw->bohw", block.widening.weight[:, :, 0, 0], x)
    wide = torch.where(wide > 0, wide, 0.2 * wide)
    padded = torch.zeros(2, 6, 6, 7).double()
    padded[:, :, 1:-1, 1:-1] = wide
    seen = torch.zeros(2, 6, 4, 5).double()
    for i in range(3):
        for j in range(3):
            part = padded[:, :, i : i + 4, j : j + 5]
            seen += torch.einsum("oi,bihw->bohw", block.seeing.weight[:, :, i, j], part)
    seen = torch.where(seen > 0, seen, 0.2 * seen)
    expected = x + torch.einsum("oi,bihw->bohw", block.narrowing.weight[:, :, 0, 0], seen)
    torch.testing.assert_close(block(x), expected)


def test_each_label_has_gains_of_its_own_in_every_block():
    generator, judge = stirred(*pair((16, 16), 3))
    latent, data = torch.randn(2, 4), torch.randn(2, 2, 16, 16)
    for block in (block for block in generator.modules() if isinstance(block, Bottleneck)):
        ones, zeros = (torch.full((2,), label) for label in (1, 0))
        with torch.no_grad():
            before = generator(latent, ones)
            block.told.gain.weight[0] += 1
            unmoved = generator(latent, ones)
            one = generator(latent, zeros)
            block.told.gain.weight[0] -= 1
        torch.testing.assert_close(before, unmoved, rtol=0, atol=0)
        assert not torch.equal(one, generator(latent, zeros))
    # The projection: the difference of two labels is linear in features that all logits share.
    difference = [judge(data, torch.full((2,), label)) for label in range(3)]
    table = judge.classes.weight
    with torch.no_grad():
        table[2] = 2 * table[1] - table[0]
    moved = judge(data, torch.full((2,), 2))
    torch.testing.assert_close(moved, 2 * difference[1] - difference[0], rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------- gradients of gradients


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("sizes", [(40,), (9, 12), (4, 8, 9)], ids=str)
def test_a_penalty_moves_every_weight_as_differences_say(sizes, last):
    _, judge = stirred(*pair(sizes, strided=len(sizes) == 2))
    judge = judge.double()
    if last:
        to_channels_last(judge, len(sizes))
    data = torch.randn(2, 2, *sizes).double()

    def penalty():
        seen = data.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(judge(seen).sum(), seen, create_graph=True)
        return slope.square().sum()

    names = dict(judge.named_parameters())
    found = dict(
        zip(names, torch.autograd.grad(penalty(), [*names.values()], allow_unused=True), strict=True)
    )
    for name, parameter in names.items():
        if name.endswith("bias"):  # what is added has no slope
            assert not found[name].any()
            continue
        step, place = 1e-6, tuple(size // 2 for size in parameter.shape)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter[place] += sign * step
            values.append(float(penalty().detach()))
            with torch.no_grad():
                parameter[place] -= sign * step
        expected = (values[0] - values[1]) / (2 * step)
        assert float(found[name][place]) == pytest.approx(expected, rel=1e-4, abs=1e-6), name


def test_logits_are_float32_also_where_the_network_is_narrower():
    _, judge = pair((16, 16), 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert judge(torch.randn(2, 2, 16, 16), torch.tensor([0, 1])).dtype == torch.float32


def test_phase_shuffle_moves_what_goes_down_between_the_levels():
    _, judge = stirred(*pair((200,)))
    data = torch.randn(2, 2, 200)
    none = torch.zeros(len(judge.joints), dtype=torch.int64)
    assert len(judge.joints) == len(ladder((200,)).widths) - 1 == 3
    torch.testing.assert_close(judge(data, None, none), judge(data))
    for joint in range(len(none)):
        moved = none.clone()
        moved[joint] = 2
        assert not torch.equal(judge(data, None, moved), judge(data))
