"""Observations over one, two and three axes, against numpy."""

import numpy as np
import pytest
import torch

from genkit.core.media import MEDIA, find
from genkit.core.noise import Noise
from genkit.core.observation import USUAL, AveragePool, Mask, WhiteNoise, mask, masks
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
