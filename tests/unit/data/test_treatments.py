"""What happens to arrays of one, two and three axes on their way into a batch, against bare loops."""

import itertools

import numpy as np
import pytest

from genkit.data.arrays.treatments import Augmentation, Levels, example_generator

SIZES = [(9,), (5, 7), (3, 5, 4)]


def arrays(sizes):
    return np.random.default_rng(0).integers(1, 256, (6, 2, *sizes)).astype(np.uint8)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_shift_moves_an_example_along_each_axis_and_level_0_comes_in(sizes):
    data, places = arrays(sizes), np.arange(10, 16)
    moved = Augmentation(shift=2).apply(data, places, epoch=3, seed=5)
    offsets = set()
    for example, found, place in zip(data, moved, places, strict=True):
        # The first number turns an example round, the next ones move it.
        drawn = example_generator(5, 3, int(place), "augment").random(1 + 2 * len(sizes))
        by = [int(u * 5) - 2 for u in drawn[1 : 1 + len(sizes)]]
        offsets.add(tuple(by))
        for at in itertools.product(*map(range, sizes)):
            source = tuple(p + s for p, s in zip(at, by, strict=True))
            inside = all(0 <= s < size for s, size in zip(source, sizes, strict=True))
            expected = example[(slice(None), *source)] if inside else 0
            assert (found[(slice(None), *at)] == expected).all()
    assert len(offsets) > 1


@pytest.mark.parametrize("sizes", SIZES)
def test_a_crop_is_a_window_of_the_example_and_its_reflections(sizes):
    data = arrays(sizes)
    cut = Augmentation(crop=2).apply(data, np.arange(6), epoch=0, seed=0)
    assert cut.shape == data.shape
    for example, found in zip(data, cut, strict=True):
        padded = np.pad(example, ((0, 0), *[(2, 2)] * len(sizes)), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (2, *sizes)).reshape(-1, 2, *sizes)
        assert (windows == found).reshape(len(windows), -1).all(1).any()


@pytest.mark.parametrize("sizes", SIZES)
def test_a_flip_turns_about_half_of_the_examples_round_along_the_last_axis(sizes):
    data = np.repeat(arrays(sizes)[:1], 200, axis=0)
    turned = Augmentation(flip=True).apply(data, np.arange(200), epoch=0, seed=0)
    back = (turned == data[..., ::-1]).reshape(200, -1).all(1)
    same = (turned == data).reshape(200, -1).all(1)
    assert (back ^ same).all()
    assert 70 < back.sum() < 130


@pytest.mark.parametrize("sizes", SIZES)
def test_levels_are_brought_down_entry_by_entry(sizes):
    data = arrays(sizes)
    few = Levels(256, 4).apply(data, np.arange(6), 0, 0, trains=True)
    np.testing.assert_array_equal(few, data // 64)
    drawn = Levels(256, 2, "static").apply(np.repeat(data[:1], 400, 0), np.arange(400), 0, 0, trains=True)
    assert np.abs(drawn.mean(0) - data[0] / 255).max() < 0.11  # over four standard errors of a share
