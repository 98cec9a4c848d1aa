"""Which examples are taken where some are: fair to the classes of data that is sorted by them."""

import numpy as np
import pytest

from genkit.core.codecs import PixelCodec
from genkit.core.spec import ArraySpec
from genkit.data.array_windows import PixelWindows
from genkit.data.arrays.treatments import Levels
from genkit.data.dataset import ArrayExamples, Dataset, TokenWindows
from genkit.data.loading import DataModule
from genkit.data.splits import mixed

COUNTS = (600, 300, 90, 10)  # of the classes, sorted


def sorted_by_class(counts=COUNTS):
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.broadcast_to(labels.astype(np.uint8)[:, None, None, None], (len(labels), 1, 4, 4))
    return ArrayExamples(images, labels, np.arange(len(labels)), Levels(17, 17))


def shares(labels, counts=COUNTS):
    """How many of each class there are, and how many are due to it."""
    found = np.bincount(labels, minlength=len(counts))
    return found, len(labels) * np.array(counts) / sum(counts)


@pytest.mark.parametrize("n", [8, 64, 100, 250, 999, 1000])
def test_some_examples_have_the_shares_of_the_classes(n):
    found, due = shares(sorted_by_class().gather(sorted_by_class().some(n))[1])
    assert np.abs(found - due).max() <= 1.5


def test_equal_classes_have_equal_parts_at_any_size():
    labels = np.repeat(np.arange(10), 100)
    order = labels[mixed(1000, labels)]
    for n in range(1, 1001, 7):
        counts = np.bincount(order[:n], minlength=10)
        assert counts.max() - counts.min() <= 1, n


def test_every_example_is_in_the_order_once_and_it_is_always_the_same():
    labels = np.repeat(np.arange(3), (5, 1, 9))
    for given in (None, labels):
        order = mixed(15, given)
        assert sorted(order.tolist()) == list(range(15))
        assert order.tolist() == mixed(15, given).tolist()
        assert order.tolist() != list(range(15))
    assert sorted_by_class().some(40).tolist() == sorted_by_class().some(80)[:40].tolist()


def test_rare_classes_stand_anywhere():
    """A thousand classes of one example beside one of a thousand: half of any beginning are of the rare."""
    labels = np.concatenate((np.zeros(1000, int), np.arange(1, 1001)))
    for n in (100, 400, 1000):
        rare = (labels[mixed(2000, labels)[:n]] > 0).mean()
        assert abs(rare - 0.5) < 4 * 0.5 / np.sqrt(n)


def test_data_whose_order_is_periodic_is_not_met_in_step():
    """Without labels: every tenth picture is of a kind, and a tenth of what is taken is."""
    kind = np.arange(10_000) % 10
    counts = np.bincount(kind[mixed(10_000)[:1000]], minlength=10)
    assert ((counts - 100) ** 2 / 100).sum() < 28  # χ², 9 degrees of freedom, one in a thousand


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("pixels", [False, True])
def test_the_first_validation_batches_are_fair_in_every_process(world, pixels):
    examples = sorted_by_class()
    if pixels:
        examples = PixelWindows(examples, PixelCodec(ArraySpec(1, (4, 4), 17)))
    spec = ArraySpec(1, (4, 4), levels=17)
    dataset = Dataset("sorted", spec, {"train": examples, "validation": examples}, "", "")
    data = DataModule(dataset, seed=0, batch_size=8, eval_batch_size=50)
    for rank in range(world):
        first = next(iter(data.eval_loader("validation", rank, world)))
        found, due = shares(first.labels.numpy())
        assert np.abs(found - due).max() <= 2, (rank, found)
    every = [b for rank in range(world) for b in data.eval_loader("validation", rank, world)]
    assert shares(np.concatenate([b.labels for b in every]))[0].tolist() == list(COUNTS)
    assert [row for b in every for row in b.rows] == list(range(1000))


def test_the_first_batches_of_a_long_text_are_from_all_of_it():
    windows = TokenWindows(np.arange(32_001), 32, moving=False)
    begin = windows.gather(windows.some(64))[0][:, 0]
    assert np.abs(np.histogram(begin, bins=4, range=(0, 32_000))[0] - 16).max() <= 12
    assert len(set(begin.tolist())) == 64
