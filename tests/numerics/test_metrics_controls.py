"""Negative controls: what every image metric must notice in real digits that were spoilt on purpose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from genkit.metrics.catalogue import kind_of
from genkit.metrics.extractors import extractor
from genkit.metrics.features import Features, collect
from genkit.metrics.memorisation import memorisation
from genkit.metrics.panel import image_measures

N = 1000


def digits(folder, part: str, n: int) -> tuple[Tensor, np.ndarray]:
    raw = folder / "MNIST" / "raw"
    pixels = np.frombuffer((raw / f"{part}-images-idx3-ubyte").read_bytes()[16:], np.uint8)
    labels = np.frombuffer((raw / f"{part}-labels-idx1-ubyte").read_bytes()[8:], np.uint8)
    return torch.from_numpy(pixels[: n * 784].reshape(-1, 1, 28, 28).copy()).float() / 255, labels[:n]


def seen(images: Tensor) -> Features:
    return collect(extractor("digits"), images.split(250))


@pytest.fixture(scope="module")
def sets(request):
    """Features of the real set and of "generators" of known faults."""
    folder = request.getfixturevalue("data_dir")
    images, _ = digits(folder, "train", 2 * N)
    test, labels = digits(folder, "t10k", 3 * N)
    real, memorised = images[:N], images[N:]
    generator = torch.Generator().manual_seed(0)
    blurred = F.avg_pool2d(test[:N], 5, 1, 2)
    lacking = test[labels != 4][:N]
    collapsed = test[:10].repeat(N // 10, 1, 1, 1) + 0.02 * torch.rand(N, 1, 28, 28, generator=generator)
    return {
        "real": seen(real),
        "floor": seen(test[:N]),
        "blurred": seen(blurred),
        "lacking": seen(lacking),
        "collapsed": seen(collapsed.clamp(0, 1)),
        "noise": seen(torch.rand(N, 1, 28, 28, generator=generator)),
        "train": seen(memorised),
        "held_out": seen(test[N : 2 * N]),
        "other": seen(test[2 * N :]),
    }


@pytest.fixture(scope="module")
def table(sets):
    kinds = ("floor", "blurred", "lacking", "collapsed", "noise")
    return {kind: {kind_of(m.metric): m for m in image_measures(sets["real"], sets[kind])} for kind in kinds}


def order(table, metric: str, kinds: tuple[str, ...]) -> list[float]:
    return [table[kind][metric].value for kind in kinds]


@pytest.mark.parametrize("metric", ["fid", "fid_infinity", "kid"])
def test_distances_of_distributions_notice_every_fault(table, metric):
    values = order(table, metric, ("floor", "lacking", "collapsed", "noise"))
    assert values == sorted(values)
    assert table["floor"][metric].high < table["lacking"][metric].low
    assert table["floor"][metric].high < table["blurred"][metric].low
    assert table["blurred"][metric].high < table["noise"][metric].low
    assert table["noise"][metric].value > 20 * table["lacking"][metric].value


def test_sliced_wasserstein_notices_blur_collapse_and_noise(table):
    floor = table["floor"]["sliced_wasserstein"]
    for kind in ("blurred", "collapsed", "noise"):
        assert table[kind]["sliced_wasserstein"].low > floor.high, kind
    assert table["noise"]["sliced_wasserstein"].low > table["collapsed"]["sliced_wasserstein"].high


def test_precision_and_density_see_quality_and_recall_and_coverage_variety(table):
    floor = {name: m.value for name, m in table["floor"].items()}
    assert min(floor["precision"], floor["recall"]) > 0.8
    assert floor["coverage"] > 0.7
    assert floor["density"] > 0.8
    for metric in ("precision", "density", "recall", "coverage"):
        assert table["noise"][metric].value < 0.02, metric
        assert table["blurred"][metric].value < floor[metric] - 0.2, metric
    assert table["collapsed"]["precision"].value > 0.5  # ten good digits are good
    assert table["collapsed"]["recall"].value < 0.1
    assert table["collapsed"]["coverage"].value < 0.3
    for metric in ("recall", "coverage"):
        assert table["lacking"][metric].value < floor[metric], metric
    assert table["lacking"]["coverage"].high < floor["coverage"]
    assert table["lacking"]["precision"].value > floor["precision"] - 0.05


def test_the_inception_score_counts_classes(table):
    values = order(table, "inception_score", ("noise", "lacking", "floor"))
    assert values[0] < 2 < 6 < values[1] < values[2] < 10
    assert table["lacking"]["inception_score"].high < table["floor"]["inception_score"].low


def test_diversity_sees_collapse(table):
    floor = table["floor"]["diversity"]
    assert table["noise"]["diversity"].high < floor.low
    assert table["collapsed"]["diversity"].value != pytest.approx(floor.value, rel=1e-3)


def test_a_memoriser_is_noticed_and_the_floor_is_not(sets):
    train, held_out, other = sets["train"], sets["held_out"], sets["other"]
    honest, _ = memorisation(other, train, held_out)
    honest = {m.metric: m for m in honest}
    assert honest["exact_copies"].value == 0
    assert honest["memorisation"].value == pytest.approx(0.5, abs=0.04)
    assert honest["memorised_share"].value == pytest.approx(0.05, abs=0.03)

    half = Features.of(
        {
            name: torch.cat([train.tensors()[name][:500], value[:500]])
            for name, value in other.tensors().items()
        },
        other.protocol,
    )
    partly, pairs = memorisation(half, train, held_out)
    partly = {m.metric: m for m in partly}
    assert partly["exact_copies"].value == 500
    assert partly["memorised_share"].value == pytest.approx(0.525, abs=0.03)
    assert partly["memorisation"].low > honest["memorisation"].high
    assert partly["nearest_train"].high < honest["nearest_train"].low
    assert pairs.copy.all()
    assert torch.equal(pairs.generated, pairs.train)
    assert (pairs.distance == 0).all()


def test_a_memoriser_that_hides_behind_a_little_noise_is_noticed(sets, data_dir):
    images, _ = digits(data_dir, "train", 2 * N)
    generator = torch.Generator().manual_seed(1)
    noisy = (images[N:] + 0.05 * torch.randn(N, 1, 28, 28, generator=generator)).clamp(0, 1)
    found = {m.metric: m for m in memorisation(seen(noisy), sets["train"], sets["held_out"])[0]}
    assert found["exact_copies"].value == 0
    assert found["memorised_share"].value > 0.5
    assert found["memorisation"].value > 0.9
