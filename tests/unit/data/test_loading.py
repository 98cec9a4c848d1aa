"""Batches: order and position as functions of seed and step, the same from a device as from the disk."""

import numpy as np
import pytest
import torch

from genkit.core.spec import View
from genkit.data.loading import DataModule, Gather, read_ahead
from genkit.system.errors import ConfigError
from tests.conftest import open_plain
from tests.unit.data.test_data_folders import SETTINGS
from tests.unit.data.test_data_texts import COMMON


def digits(view="arrays", **settings):
    return open_plain({**SETTINGS, "name": "digits", **settings}, {}, View(view))


def text():
    return open_plain({**COMMON, "name": "colors"}, {}, View("tokens", block_size=32))


DATASETS = {
    "images": digits,
    "fewer levels": lambda: digits(levels=2),
    "pixels": lambda: digits("tokens", levels=4),
    "text": text,
}


def same(one, other):
    pairs = [(one.data, other.data), (one.labels, other.labels), (one.weight, other.weight)]
    return one.rows == other.rows and all(
        (a is None and b is None) or torch.equal(a.long(), b.long()) for a, b in pairs
    )


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_resident_split_gives_the_same_batches(name, part):
    examples = DATASETS[name]().split(part)
    plain, resident = (Gather(examples, torch.device("cpu"), resident=r) for r in (False, True))
    order = np.random.default_rng(0).permutation(len(examples))
    for epoch in range(3):
        for start in (0, len(order) - 7):
            given = order[start : start + 7], range(7)
            assert same(plain(*given, epoch=epoch, seed=5), resident(*given, epoch=epoch, seed=5))


@pytest.mark.parametrize("drawn", [{"flip": True}, {"levels": 2, "binarize": "dynamic"}])
def test_what_is_drawn_cannot_be_resident(drawn):
    with pytest.raises(ConfigError, match=r"data\.on_device"):
        Gather(digits(**drawn).split("train"), torch.device("cpu"), resident=True)


@pytest.mark.parametrize("settings", [{}, {"flip": True, "shift": 1, "levels": 2, "binarize": "dynamic"}])
def test_a_later_start_gives_the_later_batches(settings):
    data = DataModule(digits(**settings), seed=3, batch_size=100)
    whole = list(data.train_stream(0, 30))
    assert data.steps_per_epoch() == 14
    later = list(data.train_stream(17, 30))
    assert len(later) == 13
    assert all(same(a, b) for a, b in zip(whole[17:], later, strict=True))
    halves = [list(data.train_stream(0, 30, rank, 2)) for rank in range(2)]
    for batch, *parts in zip(whole, *halves, strict=True):
        assert torch.equal(batch.data, torch.cat([part.data for part in parts]))


def test_an_epoch_is_every_example_once_and_evaluation_too():
    data = DataModule(digits(), seed=0, batch_size=1)
    order = data.train_stream(0, None).order(0)
    assert sorted(order.tolist()) == list(range(1437))
    assert (data.train_stream(0, None).order(1) != order).any()
    batches = [batch for rank in range(3) for batch in data.eval_loader("validation", rank, 3)]
    assert [row for batch in batches for row in batch.rows] == list(range(180))
    images = digits().split("validation").gather(np.arange(180))[0]
    seen = torch.cat([batch.data for batch in batches]).numpy()
    assert sorted(image.tobytes() for image in seen) == sorted(image.tobytes() for image in images)


def test_every_token_but_the_first_is_predicted_once():
    dataset = text()
    examples = dataset.split("validation")
    windows, _, weight = examples.gather(np.arange(len(examples)))
    targets = windows[:, 1:].ravel()
    assert (targets[targets >= 0] == examples.tokens[1:]).all()
    assert weight.sum() == len(examples.tokens) - 1
    assert weight.tolist() == (windows[:, 1:] >= 0).sum(1).tolist()


def test_errors_of_the_reading_thread_arrive():
    def fails():
        yield from ()
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        list(read_ahead(fails))
