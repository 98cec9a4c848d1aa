"""Observations over one, two and three axes, against numpy."""

import numpy as np
import pytest
import torch

from genkit.core.media import MEDIA, find
from genkit.core.noise import Noise
from genkit.core.observation import (
    USUAL,
    AveragePool,
    Mask,
    WhiteNoise,
    mask,
    masks,
    painted,
    stretch,
)
from genkit.system.errors import ConfigError

SIZES = [(12,), (4, 6), (2, 4, 6)]


def examples(sizes):
    torch.manual_seed(0)
    return torch.rand(3, 2, *sizes)


@pytest.mark.parametrize("sizes", SIZES)
def test_blocks_of_neighbours_have_their_mean(sizes):
    data = examples(sizes)
    observation, blocks = AveragePool(factor=2), []
    for size in sizes:
        blocks += [size // 2, 2]
    within = tuple(range(3, 3 + 2 * len(sizes), 2))
    expected = data.numpy().reshape(3, 2, *blocks).mean(within)
    measured = observation.measure(data)
    np.testing.assert_allclose(measured.numpy(), expected, rtol=1e-6)
    np.testing.assert_array_equal(
        observation.picture(measured).numpy(), np.kron(measured.numpy(), np.ones((1, 1, *[2] * len(sizes))))
    )


def test_a_block_may_have_another_size_along_each_axis():
    data = examples((4, 2, 3))
    observation = AveragePool(factor=(4, 1, 3))
    measured = observation.measure(data)
    np.testing.assert_allclose(measured.numpy(), data.numpy().mean((2, 4))[:, :, None, :, None], rtol=1e-6)
    assert observation.picture(measured).shape == data.shape


@pytest.mark.parametrize("sizes", SIZES)
def test_a_mask_shows_what_is_known_and_grey_elsewhere(sizes):
    data, known = examples(sizes), np.random.default_rng(0).random(sizes) < 0.5
    observation = Mask(known=torch.from_numpy(known))
    measured = observation.measure(data)
    np.testing.assert_array_equal(measured.numpy(), np.where(known, data.numpy(), 0))
    np.testing.assert_array_equal(observation.picture(measured).numpy(), np.where(known, data.numpy(), 0.5))
    other = torch.rand(data.shape)
    merged = observation.merge(other, measured).numpy()
    np.testing.assert_array_equal(merged, np.where(known, data.numpy(), other.numpy()))


@pytest.mark.parametrize("sizes", SIZES)
def test_the_likelihood_of_a_noisy_example_is_a_normal_density(sizes):
    data, observation = examples(sizes), WhiteNoise(scale=0.3)
    noisy = observation.observe(data, Noise(0, range(3)))
    expected = torch.distributions.Normal(data, 0.3).log_prob(noisy).flatten(1).sum(1)
    torch.testing.assert_close(observation.log_likelihood(data, noisy), expected)


@pytest.mark.parametrize("name", MEDIA.names())
def test_what_a_medium_can_hide_is_what_masks_of_its_axes_hide(name):
    medium = find(name)
    assert set(medium.parts) <= set(masks(medium.axes))
    if medium.rest:
        assert mask(medium.rest, (4,) * len(medium.axes), axes=medium.axes).prefix() is not None


def hidden(name, sizes):
    return (~mask(name, sizes).known).int().tolist()


def test_of_one_axis_a_half_or_the_middle_of_time_is_hidden():
    assert hidden("end", (8,)) == [0, 0, 0, 0, 1, 1, 1, 1]
    assert hidden("start", (8,)) == [1, 1, 1, 1, 0, 0, 0, 0]
    assert hidden("middle", (8,)) == [0, 0, 1, 1, 1, 1, 0, 0]
    assert sum(hidden("random", (9,))) == 5
    assert mask("end", (8,)).prefix() == 4  # a beginning is known, what is drawn in order goes on from it
    assert mask("start", (8,)).prefix() is None


def test_of_two_axes_the_names_are_those_of_images():
    assert hidden("lower", (2, 2)) == [[0, 0], [1, 1]]
    assert hidden("upper", (2, 2)) == [[1, 1], [0, 0]]
    assert hidden("left", (2, 2)) == [[1, 0], [1, 0]]
    assert hidden("right", (2, 2)) == [[0, 1], [0, 1]]
    box = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert hidden("box", (4, 4)) == box


def test_of_a_spectrogram_the_parts_are_those_of_time_and_of_frequency_the_lowest_band_first():
    def hidden(name):
        return (~mask(name, (2, 4), axes=("frequency", "time")).known).int().tolist()

    assert hidden("end") == [[0, 0, 1, 1], [0, 0, 1, 1]]
    assert hidden("middle") == [[0, 1, 1, 0], [0, 1, 1, 0]]
    assert hidden("high") == [[0, 0, 0, 0], [1, 1, 1, 1]]
    assert hidden("low") == [[1, 1, 1, 1], [0, 0, 0, 0]]
    with pytest.raises(ConfigError, match=r"mask=lower .*end, start, middle, random|mask=lower .*high, low"):
        mask("lower", (2, 4), axes=("frequency", "time"))


def test_of_three_axes_either_time_or_the_plane_is_cut_at_all_places_of_the_other():
    half = [[0, 0], [1, 1]]
    assert hidden("end", (2, 2, 2)) == [[[0, 0], [0, 0]], [[1, 1], [1, 1]]]
    assert hidden("lower", (3, 2, 2)) == [half] * 3
    assert hidden("middle", (4, 1, 1)) == [[[0]], [[1]], [[1]], [[0]]]
    assert mask("end", (2, 3, 3)).prefix() == 9


def test_of_frames_every_second_one_can_be_hidden_and_of_nothing_else():
    assert hidden("alternate", (5, 1, 2)) == [[[0, 0]], [[1, 1]], [[0, 0]], [[1, 1]], [[0, 0]]]
    assert mask("alternate", (4, 2, 2)).prefix() is None
    for axes in (("time",), ("frequency", "time"), ("height", "width")):
        assert "alternate" not in masks(axes)
        with pytest.raises(ConfigError, match="mask=alternate hides nothing"):
            mask("alternate", (4,) * len(axes), axes=axes)


BOX = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_of_three_axes_what_is_hidden_is_so_at_every_time():
    assert hidden("upper", (2, 2, 1)) == [[[1], [0]]] * 2
    assert hidden("left", (2, 1, 2)) == [[[1, 0]]] * 2
    assert hidden("right", (2, 1, 2)) == [[[0, 1]]] * 2
    assert hidden("box", (3, 4, 4)) == [BOX] * 3
    assert hidden("start", (3, 1, 1)) == [[[1]], [[0]], [[0]]]
    assert np.sum(hidden("random", (2, 3, 3))) == 9


def test_how_much_of_an_axis_is_given_can_be_said():
    def away(name, size, given):
        return (~mask(name, (size,), given=given).known).int().tolist()

    assert away("end", 6, 1) == [0, 1, 1, 1, 1, 1]
    assert away("end", 6, 5) == [0, 0, 0, 0, 0, 1]
    assert away("start", 6, 2) == [1, 1, 1, 1, 0, 0]
    assert away("middle", 6, 2) == [0, 1, 1, 1, 1, 0]
    assert away("middle", 6, 3) == [0, 0, 1, 1, 1, 0]  # the odd one is of the beginning
    assert away("middle", 6, 5) == [0, 0, 0, 1, 0, 0]
    frames = mask("end", (4, 2, 3), given=3)
    assert frames.prefix() == 3 * 2 * 3
    assert (~mask("lower", (4, 2), given=1).known).int().tolist() == [[0, 0], [1, 1], [1, 1], [1, 1]]
    assert (~mask("left", (1, 4), given=3).known).int().tolist() == [[1, 0, 0, 0]]
    band = mask("low", (4, 1), axes=("frequency", "time"), given=1)
    assert band.known.flatten().int().tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("end", 0, r"given=0: .* the 8 places along time, of which 1 to 7 can"),
        ("start", 8, "given=8: mask=start .* 1 to 7"),
        ("middle", 1, "given=1: mask=middle .* 2 to 7"),
        ("lower", 4, "the 4 places along height, of which 1 to 3"),
        (
            "box",
            3,
            r"given= is of a mask along one axis \(end, start, .*right\), not of mask=box; leave given=",
        ),
        ("alternate", 3, "not of mask=alternate"),
        ("random", 3, "not of mask=random"),
    ],
)
def test_more_or_less_than_can_be_given_is_refused(name, given, said):
    with pytest.raises(ConfigError, match=said) as caught:
        mask(name, (8, 4, 4), given=given)
    assert "\n" not in str(caught.value)


def test_the_places_that_are_left_open_are_those_that_are_not_exactly_known():
    known = mask("middle", (8, 2, 2))
    assert known.unknown((8, 2, 2)).all(2).all(1).tolist() == [False] * 2 + [True] * 4 + [False] * 2
    for observation in (AveragePool(factor=2), WhiteNoise()):
        assert bool(observation.unknown((8, 2, 2)).all())


@pytest.mark.parametrize("axes", USUAL)
def test_every_name_hides_a_part_and_others_are_refused_with_those_that_there_are(axes):
    sizes = (8,) * axes
    named = masks(USUAL[axes])
    for name in named:
        assert 0 < int(mask(name, sizes, seed=1).known.sum()) < 8**axes
    with pytest.raises(ConfigError, match=", ".join(named)):
        mask("all of it", sizes)
    other = "lower" if axes == 1 else "end"
    if other not in named:
        with pytest.raises(ConfigError, match=f"mask={other} hides nothing"):
            mask(other, sizes)


def test_a_stretch_hides_its_places_along_time_and_nothing_else():
    mask = stretch(2, 5, (3, 8), ("frequency", "time"))
    assert [row.tolist() for row in mask.known] == [[True] * 2 + [False] * 3 + [True] * 3] * 3


@pytest.mark.parametrize("ends", [(5, 5), (6, 2), (0, 9)])
def test_a_stretch_has_places(ends):
    with pytest.raises(ConfigError, match="no stretch of the 8 places along time, 0:8"):
        stretch(*ends, (8,), ("time",))


def test_images_have_no_stretch_of_time():
    with pytest.raises(ConfigError, match="here are height and width alone"):
        stretch(0, 1, (8, 8), ("height", "width"))


def test_what_is_painted_is_hidden_at_all_times():
    hidden = torch.zeros(2, 3, dtype=torch.bool)
    hidden[1, 2] = True
    known = painted(hidden, (4, 2, 3), ("time", "height", "width")).known
    assert known.shape == (4, 2, 3)
    assert (~known).nonzero().tolist() == [[t, 1, 2] for t in range(4)]
