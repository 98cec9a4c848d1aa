"""Extractors: found by name, pinned by digest, deaf to batch size; and what features refuse."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load
from torch import nn
from torchvision.transforms.functional import adjust_hue, gaussian_blur

from genkit.core import registry
from genkit.core.spec import ArraySpec
from genkit.data.sources.published import CIFAR10
from genkit.metrics import bundled
from genkit.metrics.catalogue import EXTRACTORS, kind_of
from genkit.metrics.extractors import extractor
from genkit.metrics.features import Features, collect
from genkit.metrics.memorisation import memorisation
from genkit.metrics.networks import PhotosNetwork, resized
from genkit.metrics.panel import METRICS, image_measures
from genkit.system.errors import CheckpointError, ConfigError, DataError, Unmeasurable


def pictures(n: int, shape: tuple[int, int, int] = (1, 28, 28), seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, *shape), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("name", ["digits", "photos", "random"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 32, 32), (3, 32, 32), (1, 8, 8), (3, 48, 40)])
def test_a_built_in_extractor_takes_any_picture_in_batches_of_any_size(name, shape):
    made = extractor(name)
    images = pictures(7, shape)
    whole = made.features(images)
    assert whole.shape == (7, made.size)
    assert whole.dtype == torch.float32
    parts = torch.cat([made.features(part) for part in images.split(3)])
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(whole, made.features(images.float() / 255))


def test_the_bundled_network_is_small_and_says_what_it_is():
    made = extractor("digits")
    raw = (bundled.files("genkit.metrics") / bundled.DIGITS_WEIGHTS).read_bytes()
    assert len(raw) <= 1_000_000
    assert made.protocol["extractor"] == "digits"
    assert "28×28" in made.resizer
    assert made.fits([str(i) for i in range(10)])
    assert not made.fits(["cat", "dog"])
    assert not extractor("random").fits(["0", "1"])
    assert len({extractor(n).digest for n in ("digits", "digits", "random", "random")}) == 2


def test_the_bundled_network_knows_digits(data_dir):
    raw = (data_dir / "MNIST" / "raw" / "t10k-images-idx3-ubyte").read_bytes()[16:]
    images = torch.from_numpy(np.frombuffer(raw, np.uint8)[: 2000 * 784].reshape(-1, 1, 28, 28).copy())
    labels = np.frombuffer((data_dir / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").read_bytes()[8:], np.uint8)
    probabilities = collect(extractor("digits"), images.split(500)).probabilities
    assert probabilities is not None
    assert np.mean(probabilities.argmax(1).numpy() == labels[:2000]) >= 0.985


def test_the_bundled_network_of_photographs_is_small_and_says_what_it_is():
    made = extractor("photos")
    raw = (bundled.files("genkit.metrics") / bundled.PHOTOS_WEIGHTS).read_bytes()
    assert len(raw) <= 2_000_000
    assert made.protocol["extractor"] == "photos"
    assert "32×32" in made.resizer
    assert made.fits(CIFAR10)
    assert not made.fits(["0", "1"])
    assert made.digest not in {extractor(name).digest for name in ("digits", "random")}


def test_the_normalisation_is_folded_without_changing_a_feature():
    """The network with its normalisation apart, as it was trained, from the same file."""
    plain = PhotosNetwork().eval()
    raw = (bundled.files("genkit.metrics") / bundled.PHOTOS_WEIGHTS).read_bytes()
    plain.load_state_dict(load(raw), strict=False)
    images = pictures(5, (3, 32, 32))
    with torch.no_grad():
        features, logits = plain(images.float() / 255)
    found, probabilities = extractor("photos").both(images)
    torch.testing.assert_close(found, features, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(probabilities, logits.softmax(1), rtol=1e-3, atol=1e-4)


def photographs(data_dir) -> tuple[torch.Tensor, np.ndarray]:
    """Every fourth of the 2,000 test pictures, uint8 (500, 3, 32, 32), with their classes."""
    files = sorted((data_dir / "cifar10_images" / "test").glob("*/*.jpg"))[::4]
    found = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    labels = np.array([CIFAR10.index(file.parent.name) for file in files])
    return torch.from_numpy(found).permute(0, 3, 1, 2).contiguous(), labels


def test_the_bundled_network_knows_photographs_at_32_and_at_16(data_dir):
    images, labels = photographs(data_dir)
    small = resized(images.float() / 255, 16)
    for given, least in ((images, 0.78), (small, 0.7)):  # 82.3 and 76.1 % of all 2,000
        probabilities = collect(extractor("photos"), given.split(250)).probabilities
        assert probabilities is not None
        assert np.mean(probabilities.argmax(1).numpy() == labels) >= least


def test_what_is_done_to_photographs_is_seen_and_more_of_it_more(data_dir):
    """KID of one half against the other, which is blurred, or given noise, or other hues."""
    images, _ = photographs(data_dir)
    real, other = images[::2], images[1::2].float() / 255
    generator = torch.Generator().manual_seed(0)

    def kid(made: torch.Tensor) -> float:
        both = (collect(extractor("photos"), part.split(250)) for part in (real, made))
        return image_measures(*both, ("kid",))[0].value

    untouched = kid(other)
    for change, strengths in (
        (lambda s: gaussian_blur(other, [9, 9], [s, s]), (0.6, 1.0, 2.0)),
        (lambda s: (other + s * torch.randn(other.shape, generator=generator)).clamp(0, 1), (0.05, 0.1, 0.2)),
        (lambda s: adjust_hue(other, s), (0.06, 0.125, 0.25)),
    ):
        seen = [untouched, *(kid(change(strength)) for strength in strengths)]
        assert seen == sorted(seen)
        assert seen[-1] > 0.01


@pytest.mark.parametrize("name", ["DIGITS", "PHOTOS"])
def test_changed_weights_are_refused(monkeypatch, name):
    monkeypatch.setattr(bundled, f"{name}_SHA256", "0" * 64)
    with pytest.raises(CheckpointError, match="SHA-256"):
        extractor(name.lower())


def test_the_extractor_that_data_suggests():
    for channels, sizes, name in (
        (1, (28, 28), "digits"),
        (3, (32, 32), "photos"),
        (3, (128, 96), "photos"),
        (3, (64, 256), "random"),
        (1, (256, 256), "random"),
    ):
        array = ArraySpec(channels, sizes)
        assert array.medium.extractor(array) == name


class Means(nn.Module):
    """What another distribution would offer: the mean of each channel, and two classes."""

    channels, resizer, classes = 1, "none", ("dark", "bright")

    def forward(self, images):
        mean = images.mean((2, 3))
        return mean.repeat(1, 3), torch.cat([-mean, mean], 1)


def test_a_module_by_entry_point_is_an_extractor(monkeypatch):
    def points(group):
        here = f"{__name__}:Means"
        return [EntryPoint("means", here, group)] if group == "genkit.extractors" else []

    monkeypatch.setattr(registry, "entry_points", points)
    assert "means" in EXTRACTORS.names()
    made = extractor("means")
    assert (made.size, made.resizer, made.classes) == (3, "none", ("dark", "bright"))
    features = collect(made, [pictures(4)])
    assert features.vectors.shape == (4, 3)
    assert features.probabilities is not None
    assert features.probabilities.shape == (4, 2)
    assert features.protocol["extractor"] == "means"


def test_an_unknown_extractor_names_the_known_ones():
    with pytest.raises(ConfigError, match="Did you mean digits"):
        extractor("digit")


# ------------------------------------------------------------------------------------------- features


def test_features_do_not_depend_on_the_batches_and_survive_a_cache():
    made = extractor("random")
    images = pictures(10)
    one, many = collect(made, [images]), collect(made, images.split(3))
    for name, value in one.tensors().items():
        torch.testing.assert_close(value, many.tensors()[name], rtol=1e-4, atol=1e-4)
    again = Features.of(one.tensors(), one.protocol)
    assert torch.equal(again.vectors, one.vectors)
    assert len(one[slice(2, 5)]) == 3


def test_equal_pictures_have_equal_keys_and_others_do_not():
    keys = collect(extractor("random"), [torch.cat([pictures(5), pictures(5), pictures(5, seed=1)])]).keys
    assert keys is not None
    assert torch.equal(keys[:5], keys[5:10])
    assert len(keys.unique()) == 10


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "no examples"),
        ([pictures(2), pictures(2, (1, 32, 32))], "mixed sizes, 1×28×28 and 1×32×32"),
        ([torch.full((2, 1, 8, 8), torch.nan)], "NaN"),
        ([torch.full((2, 1, 8, 8), 7.0)], r"floats in \[0, 1\]; these reach 7"),
        ([torch.zeros(2, 8, 8)], r"\(B, C, H, W\)"),
        ([torch.zeros(2, 1, 8, 8, dtype=torch.long)], "uint8 or floats"),
    ],
)
def test_pictures_that_cannot_be_measured(batches, words):
    with pytest.raises(DataError, match=words):
        collect(extractor("random"), batches)


def of(n: int, d: int = 4, **protocol: str) -> Features:
    vectors = torch.randn(n, d, generator=torch.Generator().manual_seed(n))
    keys = torch.arange(n)
    return Features(vectors, vectors.softmax(1), vectors, keys, protocol)


@pytest.mark.parametrize(
    ("metric", "n", "least"),
    [
        ("fid", 4, 5),
        ("fid_infinity", 19, 20),
        ("kid", 3, 4),
        ("inception_score", 1, 2),
        ("precision", 47, 48),
        ("coverage", 47, 48),
        ("sliced_wasserstein", 7, 8),
        ("diversity", 3, 4),
    ],
)
def test_too_few_samples_are_refused_with_the_least_number(metric, n, least):
    with pytest.raises(
        DataError, match=f"{metric}.* needs? at least {least} generated pictures; there are {n}"
    ):
        image_measures(of(200), of(n), (metric,))
    assert image_measures(of(200), of(least), (metric,))


def test_the_panel_goes_on_without_what_cannot_be_computed():
    refused: list[Unmeasurable] = []
    found = [kind_of(m.metric) for m in image_measures(of(200), of(30), refused=refused)]
    assert found == ["fid", "fid_infinity", "kid", "inception_score", "sliced_wasserstein", "diversity"]
    assert len(refused) == 1
    assert "48" in refused[0].reason
    assert refused[0].metrics == ("precision", "recall", "density", "coverage")
    assert [kind_of(m.metric) for m in image_measures(of(200), of(60))] == list(METRICS)


def test_features_of_different_protocols_do_not_meet():
    with pytest.raises(ConfigError, match="two extractors"):
        image_measures(of(60, extractor="a"), of(60, extractor="b"))
    with pytest.raises(DataError, match="1×28×28"):
        image_measures(of(60, shape="1×28×28"), of(60, shape="1×32×32"))
    with pytest.raises(ConfigError, match="no image metric"):
        image_measures(of(60), of(60), ("fidd",))


def test_features_that_are_not_finite_are_refused():
    vectors = torch.zeros(5, 3)
    vectors[2, 1] = torch.nan
    with pytest.raises(DataError, match="sample 2 hold NaN"):
        Features(vectors)


def test_memorisation_needs_held_out_pictures():
    with pytest.raises(DataError, match="memorisation, nearest_train need at least 20 real"):
        memorisation(of(50), of(50), of(10))


def test_every_interval_holds_its_own_value_and_says_of_what():
    measures = image_measures(of(300), of(100)) + memorisation(of(100), of(300), of(60))[0]
    for measure in measures:
        if measure.low is None or measure.high is None:
            continue
        assert measure.low <= measure.value <= measure.high, measure.metric
        assert measure.interval
    fingerprints = {m.fingerprint for m in image_measures(of(300), of(100))}
    assert len(fingerprints) == len(METRICS)
    assert not fingerprints & {m.fingerprint for m in image_measures(of(300), of(99))}
