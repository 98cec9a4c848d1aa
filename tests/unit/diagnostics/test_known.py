"""Copies of training examples are told however much there is of them."""

import numpy as np
import pytest
import torch

from genkit.data.arrays.treatments import Levels
from genkit.data.dataset import ArrayExamples
from genkit.diagnostics import known, symptoms
from genkit.diagnostics.known import COPY, KnownImages, KnownTexts, pieces


def pictures(n, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, 1, 8, 8)).astype(np.uint8)


def images(levels, **most):
    examples = ArrayExamples(levels, None, np.arange(len(levels)), Levels(256, 256))
    return KnownImages(examples, 256, **most)


def scaled(levels):
    return torch.from_numpy(levels).float() / 255


def test_images_that_are_training_images_but_for_little():
    train, unseen = pictures(60, 0), scaled(pictures(60, 1))
    drawn = torch.cat((scaled(train[:15]) + 0.02, unseen[:5]))
    assert symptoms.copied_images(drawn, unseen, images(train)) == 0.75
    assert symptoms.copied_images(unseen, unseen, images(train)) == 0


def test_copies_of_many_images_are_all_found(monkeypatch):
    monkeypatch.setattr(known, "AT_ONCE", 64 * 100)  # a hundred pictures at once
    train, unseen = pictures(3000, 0), scaled(pictures(64, 1))
    drawn = scaled(train[np.random.default_rng(2).permutation(3000)[:64]])
    assert symptoms.copied_images(drawn, unseen, images(train)) == 1
    distance = torch.cdist(unseen.flatten(1), scaled(train).flatten(1)).amin(1)
    assert torch.allclose(images(train).nearest(unseen), distance, atol=1e-3)


def test_of_more_images_than_are_looked_at_the_share_is_told_by_those():
    """Every sample is a copy, a third of the training images is looked at: some 21 of 64 are found."""
    train, unseen = pictures(3000, 0), scaled(pictures(64, 1))
    drawn = scaled(train[np.random.default_rng(2).permutation(3000)[:64]])
    part = images(train, most=64 * 1000)
    assert (len(part.rows), part.part) == (1000, 1 / 3)
    assert 0.5 < symptoms.copied_images(drawn, unseen, part) <= 1
    assert symptoms.copied_images(unseen, unseen, part) == 0


def test_a_share_is_never_overstated_by_chance():
    """A quarter are copies, a tenth of the images is looked at: more is said in 5 % of the cases."""
    found = np.random.default_rng(0).binomial(64, 0.25 * 0.1, 20_000)
    part = images(pictures(10, 0), most=64)
    assert part.part == 0.1
    said = np.array([part.share(int(n), 64) for n in range(found.max() + 1)])[found]
    assert (said > 0.25).mean() <= 0.05


@pytest.mark.parametrize("kept", [10**6, 1000])
def test_texts_that_stand_in_the_training_text(kept):
    """Whether all its runs of tokens are kept, or one in fifty by what stands in it."""
    draw = np.random.default_rng(1)
    train, held_out = draw.integers(0, 50, (2, 50_000))
    found = KnownTexts(train, held_out, kept=kept)
    assert len(found.among) == pytest.approx(min(kept, 50_000), rel=0.15)
    copied = [train[i : i + 500] for i in range(0, 40_000, 1000)]
    fresh = [held_out[i : i + 500] for i in range(0, 40_000, 1000)]
    assert found.share(copied) == 1
    assert found.share(fresh) == 0
    assert found.share(copied + fresh) == pytest.approx(0.5, abs=0.1)
    assert found.share([fresh[0][: COPY - 1]]) == 0
    assert found.share(found.unseen) == 0
    assert [len(text) for text in found.unseen] == [known.LENGTH] * known.TEXTS


def test_parts_of_a_long_text_meet_without_a_gap(monkeypatch):
    monkeypatch.setattr(known, "PART", 1000)
    train = np.random.default_rng(1).integers(0, 50, 4321)
    found = KnownTexts(train, train[:10])
    assert len(found.among) == len(train) - COPY + 1
    assert found.share([train]) == 1
    assert found.unseen == []


@pytest.mark.parametrize("size", [1, 2, 3, 8, 11, 48])
def test_numbers_of_runs_are_equal_where_the_runs_are(size):
    tokens = np.random.default_rng(2).integers(0, 2, 3000)
    numbers = pieces(tokens, size)
    assert len(numbers) == 3000 - size + 1
    told = {}
    for i, number in enumerate(numbers.tolist()):
        told.setdefault(number, set()).add(tuple(tokens[i : i + size].tolist()))
    assert all(len(runs) == 1 for runs in told.values())
    assert len(told) == len({tuple(tokens[i : i + size].tolist()) for i in range(len(numbers))})
    assert len(pieces(tokens[: size - 1], size)) == 0
