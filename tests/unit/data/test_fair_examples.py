"""Of data that is sorted by class, whatever takes "some examples" takes of each class its share."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from genkit.core.spec import View
from genkit.data.dataset import Dataset
from genkit.data.real import pictures
from genkit.diagnostics.known import training_examples
from genkit.evaluation import array_quality as evaluation
from genkit.evaluation import showing
from genkit.training import selection
from genkit.training.selection import SampledMetric
from tests.conftest import open_plain
from tests.unit.data.test_data_folders import SETTINGS

N = 50


@pytest.fixture(scope="module")
def digits():
    """The digits with every part sorted by class."""
    plain = open_plain({**SETTINGS, "name": "digits"}, {}, View("arrays"))
    for examples in plain.splits.values():
        examples.rows = examples.rows[np.argsort(examples.labels[examples.rows], kind="stable")]
    return plain


@pytest.fixture(autouse=True)
def gathered(monkeypatch):
    """Arrays in the place of their features, and none from a cache."""

    def collect(extractor, batches):
        return torch.cat(list(batches))

    for module in (evaluation, selection):
        monkeypatch.setattr(module, "collect", collect)
    monkeypatch.setattr(evaluation, "cached", lambda file, make: make())


def counts(shown, dataset: Dataset):
    """How many of ten classes there are among pictures, by comparing each with all of the data's."""
    label = {}
    for name in dataset.splits:
        examples = dataset.split(name)
        every = torch.cat(list(evaluation.real_pictures(dataset.spec, examples, np.arange(len(examples)))))
        label |= dict(zip((p.numpy().tobytes() for p in every), examples.classes(), strict=True))
    found = Counter(int(label[picture.numpy().tobytes()]) for picture in shown)
    return [found[c] for c in range(10)]


@pytest.mark.parametrize("other", ["validation", None])
def test_a_floor_is_of_all_classes(digits, other, tmp_path):
    subject = SimpleNamespace(
        dataset=digits,
        another=lambda: other,
        settings=SimpleNamespace(split="test"),
        cache_dir=tmp_path,
    )
    extractor = SimpleNamespace(digest="none")
    found = evaluation.ArrayQuality(subject, extractor, digits.spec.array, N, None)._others().features
    assert len(found) == N
    assert set(counts(found, digits)) <= {4, 5, 6}


def test_a_metric_that_selects_is_of_all_classes(digits):
    found = SampledMetric("kid", digits, N)._real(torch.device("cpu"))[1]
    assert set(counts(found, digits)) <= {4, 5, 6}


def test_real_pictures_beside_samples_are_of_all_classes(digits, tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr("genkit.core.samples.Samples.save", lambda samples, out: kept.append(samples))
    showing.keep_real(SimpleNamespace(dataset=digits, examples=digits.split("test")), tmp_path)
    assert set(counts(pictures(kept[0]), digits)) <= {6, 7}


def test_training_examples_that_are_known_are_of_all_classes(digits):
    known = training_examples(digits)
    assert known.part == 1
    part = type(known)(known.images, 17, most=64 * N)
    labels = known.images.classes()[part.rows]
    assert set(np.bincount(labels, minlength=10)) <= {4, 5, 6}
