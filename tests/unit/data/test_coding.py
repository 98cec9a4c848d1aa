"""Data as the codes of a model: made once, packed, in turn by epochs; here the model is plain arithmetic."""

import numpy as np
import pytest

from genkit.core.array_spec import ArraySpec
from genkit.core.codecs import LearnedCodec
from genkit.core.codecs.learned_codec import Origin
from genkit.core.media.video import VIDEO
from genkit.core.spec import View
from genkit.data import open_dataset
from genkit.data.packing import examine
from genkit.data.real import as_samples, in_full, unchanged
from genkit.system.errors import ConfigError
from tests.conftest import knobs_for

TOKENS = View("tokens")


class Sums:
    """Codes are the sums of 2×2 blocks; how often it was asked is counted."""

    def __init__(self):
        self.asked = 0

    def codes(self, levels):
        self.asked += len(levels)
        n, _, *sizes = levels.shape
        blocks = levels.reshape(n, *(part for size in sizes for part in (size // 2, 2))).astype(np.int64)
        return blocks.sum(tuple(range(2, blocks.ndim, 2)))

    def unit(self, codes):
        for axis in range(1, codes.ndim):
            codes = codes.repeat(2, axis)
        return (codes[:, None] / codes.max()).astype(np.float32)

    def log_likelihood(self, levels, codes):
        return -levels.reshape(len(levels), -1).sum(1).astype(float)


def codec(array, reason="", sha256="a" * 64):
    grid = tuple(size // 2 for size in array.sizes)
    codes = 2 ** len(grid) * (array.levels - 1) + 1
    return LearnedCodec(array, grid, codes, Origin(sha256, reason), Sums())


DIGITS, CLIPS = ArraySpec(1, (8, 8), 2), ArraySpec(1, (8, 16, 16), 2, medium=VIDEO, rate=8.0)


def opened(cache, made, name="digits", **settings):
    knobs = knobs_for({"name": name, "levels": 2, "codec": "some_run", **settings})
    return open_dataset(knobs, {"cache_dir": str(cache)}, TOKENS, made)


def test_codes_are_made_once_and_read_from_the_packed_folder_after_that(tmp_path):
    first, second = codec(DIGITS), codec(DIGITS)
    one, other = opened(tmp_path, first), opened(tmp_path, second)
    assert first.coder.asked > 0
    assert second.coder.asked == 0
    assert one.fingerprint == other.fingerprint
    assert len(one.packs) == 1
    assert examine(one.packs[0]) is None
    third = codec(DIGITS, sha256="b" * 64)
    assert opened(tmp_path, third).packs != one.packs  # another model: other codes
    assert third.coder.asked > 0


def test_a_window_is_a_start_and_the_codes_of_its_example(tmp_path):
    made = codec(DIGITS)
    dataset = opened(tmp_path, made)
    plain = open_dataset(knobs_for({"name": "digits", "levels": 2}), {"cache_dir": ""}, View("arrays"))
    for part in ("train", "validation", "test"):
        rows = np.array([3, 0, 5])
        windows, labels, weights = dataset.split(part).gather(rows)
        levels, same_labels, _ = plain.split(part).gather(rows)
        sums = levels.reshape(3, 4, 2, 4, 2).sum((2, 4)).reshape(3, 16)
        assert np.array_equal(windows[:, 1:], sums)
        assert (windows[:, 0] == made.start).all()
        assert np.array_equal(labels, same_labels)
        assert (weights == 16).all()
        assert np.array_equal(dataset.split(part).remainder[rows], -1.0 * levels.reshape(3, -1).sum(1))
        assert np.array_equal(in_full(dataset.split(part)).gather(rows)[0], levels)
    assert dataset.fingerprint == plain.fingerprint  # what judges is the same, whatever reads it


def test_real_examples_are_judged_as_they_are_and_not_as_their_codes_say(tmp_path):
    dataset = opened(tmp_path, codec(DIGITS))
    levels = in_full(dataset.split("test")).gather(np.arange(4))[0]
    shown = as_samples(dataset.spec, dataset.split("test"), np.arange(4)).arrays
    assert np.array_equal(shown, levels * 255)


def test_epochs_as_training_changes_examples_come_in_turn_and_only_in_training(tmp_path):
    dataset = opened(tmp_path, codec(DIGITS), codec_epochs=3, shift=1)
    train, rows = dataset.split("train"), np.arange(50)
    epochs = [train.gather(rows, epoch=epoch)[0] for epoch in range(7)]
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[1], epochs[2])
    assert all(np.array_equal(epochs[epoch], epochs[epoch % 3]) for epoch in range(7))
    looked_at = unchanged(train)
    assert all(np.array_equal(looked_at.gather(rows, epoch=e)[0], epochs[0]) for e in range(3))
    plain = opened(tmp_path, codec(DIGITS)).split("train")
    assert np.array_equal(plain.gather(rows)[0], epochs[0])
    assert dataset.split("test").later is None


def test_clips_that_are_computed_as_they_are_read_are_coded_as_those_of_epochs(tmp_path):
    dataset = opened(
        tmp_path, codec(CLIPS, reason="none"), name="moving_digits", codec_epochs=2, examples=100
    )
    train = dataset.split("train")
    assert train.codes.shape == (len(train), 4 * 8 * 8)
    assert train.remainder is None
    assert not np.array_equal(*(train.gather(np.arange(4), epoch=epoch)[0] for epoch in (0, 1)))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (ArraySpec(1, (8, 8), 17), "17 levels, and data=digits gives images of 1×8×8, 2 levels"),
        (ArraySpec(1, (16, 16), 2), "images of 1×16×16"),
        (ArraySpec(3, (8, 8), 2), "images of 3×8×8"),
        (CLIPS, "videos of 1×8×16×16, 2 levels, 8 a second"),
    ],
)
def test_a_codec_of_other_arrays_is_refused(tmp_path, array, words):
    with pytest.raises(ConfigError, match=words):
        opened(tmp_path, codec(array))


def test_nothing_opens_a_run_from_within_the_data(tmp_path):
    with pytest.raises(ConfigError, match=r"genkit\.load"):
        opened(tmp_path, None)
