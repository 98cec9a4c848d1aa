"""Images as arrays of fewer levels and as tokens; what is drawn at random depends on the example alone."""

import numpy as np
import pytest

from genkit.core.spec import View
from genkit.system.errors import ConfigError
from tests.conftest import open_plain

DIGITS = {
    "name": "digits",
    "size": None,
    "levels": None,
    "binarize": "threshold",
    "split": "peer",
    "validation": 0,
    "dedupe": "off",
    "flip": False,
    "shift": 0,
    "crop": 0,
}
EXAMPLES = np.arange(20)


def opened(kind="arrays", block_size=0, **settings):
    return open_plain({**DIGITS, **settings}, {}, View(kind, block_size=block_size))


def test_levels_are_equal_shares_of_the_range():
    whole = opened().split("train").gather(EXAMPLES)[0]
    halved = opened(levels=2).split("train").gather(EXAMPLES)[0]
    assert opened(levels=2).spec.levels == 2
    assert (halved == (whole >= 9)).all()  # of 0 … 16: the lower half is 0 … 8
    with pytest.raises(ConfigError, match="17 levels"):
        opened(levels=256)


def test_drawn_levels_have_the_grey_value_as_mean():
    whole = opened().split("train").gather(EXAMPLES)[0] / 16
    train = opened(levels=2, binarize="dynamic").split("train")
    drawn = np.stack([train.gather(EXAMPLES, epoch=e, seed=1)[0] for e in range(300)])
    assert set(np.unique(drawn)) == {0, 1}
    # 1,280 means of 300 draws; five standard errors are never exceeded by chance.
    assert (np.abs(drawn.mean(0) - whole) <= 5 * np.sqrt(whole * (1 - whole) / 300) + 1e-9).all()


def test_draws_depend_on_the_example_and_the_epoch_alone():
    train = opened(levels=2, binarize="dynamic").split("train")
    first = train.gather(EXAMPLES, epoch=3, seed=1)[0]
    assert (train.gather(EXAMPLES[::-1], epoch=3, seed=1)[0][::-1] == first).all()
    assert (train.gather(EXAMPLES, epoch=4, seed=1)[0] != first).any()
    assert (train.gather(EXAMPLES, epoch=3, seed=2)[0] != first).any()
    for part, binarize in (("validation", "dynamic"), ("train", "static")):
        examples = opened(levels=2, binarize=binarize).split(part)
        fixed = [examples.gather(EXAMPLES, epoch=e, seed=e)[0] for e in range(2)]
        assert (fixed[0] == fixed[1]).all()


def test_images_become_tokens():
    arrays, tokens = opened(levels=2), opened("tokens", levels=2)
    windows, labels, weight = tokens.split("test").gather(EXAMPLES)
    images, expected, _ = arrays.split("test").gather(EXAMPLES)
    assert tokens.spec.vocab_size == 3
    assert (windows[:, 0] == 2).all()
    assert (windows[:, 1:].reshape(20, 1, 8, 8) == images).all()
    assert (labels == expected).all()
    assert (weight == 64).all()
    assert tokens.spec.length == tokens.spec.context == 64
    assert tokens.counts == arrays.counts
    with pytest.raises(ConfigError, match=r"model\.block_size=32.*64 tokens"):
        opened("tokens", block_size=32)


def test_fingerprints_tell_contents_apart_and_not_how_they_are_read():
    settings = [{}, {"levels": 2}, {"levels": 2, "binarize": "static"}, {"size": 16}]
    prints = {opened(**s).fingerprint for s in settings}
    assert len(prints) == 4
    assert opened().fingerprint in prints
    assert opened("tokens").fingerprint == opened().fingerprint
    assert opened("tokens", levels=2).fingerprint == opened(levels=2).fingerprint
