"""The metric of samples that picks the best checkpoint: its value, what it leaves alone, what is refused."""

import numpy as np
import pytest
import torch

from genkit import config
from genkit.data import open_dataset
from genkit.data.dataset import TokenWindows
from genkit.data.real import as_samples, pictures, real_pictures, same, unchanged
from genkit.families.dcgan import DCGAN
from genkit.metrics.extractors import extractor
from genkit.metrics.features import collect
from genkit.metrics.kernel import kid
from genkit.system.errors import ConfigError
from genkit.training.selection import SampledMetric, sampled_metric
from tests.conftest import fit, images


@pytest.fixture(scope="module")
def digits():
    cfg = config.compose("train", ["model=dcgan", "data=digits", "data.flip=true"])
    return open_dataset(cfg.data, cfg.paths.by_name, config.view(cfg))


def trained(dataset, callbacks=()):
    torch.manual_seed(0)
    module = DCGAN(dataset.spec, latent_size=4, width=4)
    batches = [images(8, seed) for seed in range(4)]
    trainer = fit(module, batches, [images(8)], callbacks=callbacks, val_check_interval=2)
    return module, trainer


def test_the_logged_number_is_the_metric_of_the_weights_and_training_goes_on_the_same(digits):
    module, trainer = trained(digits, [SampledMetric("kid", digits, 60)])
    found = extractor("digits")
    examples = digits.split("validation")
    real = collect(found, real_pictures(digits.spec, examples, examples.some(60)))
    made = collect(found, [pictures(module.sample(60, seed=0))])
    assert float(trainer.callback_metrics["val/kid"]) == pytest.approx(kid(real, made).value, rel=1e-5)
    without, _ = trained(digits)
    for name, weight in without.state_dict().items():
        assert torch.equal(weight, module.state_dict()[name]), name


def test_validation_pictures_are_not_augmented(digits):
    train = digits.split("train")
    rows = train.some(20)
    plain = as_samples(digits.spec, unchanged(train), rows).data
    again = as_samples(digits.spec, unchanged(train), rows).data
    assert torch.equal(plain, again)
    assert torch.equal(plain[0, 0] * 16, torch.from_numpy(train.images[train.rows[rows[0]], 0]).float())
    assert train.augmentation is not None


def test_two_names_of_one_part_are_told_from_two_parts(digits):
    tokens = np.arange(100)
    one, again, other = (TokenWindows(t, 8, moving=False) for t in (tokens, tokens.copy(), tokens + 1))
    assert same(one, again)
    assert not same(one, other)
    assert not same(digits.split("test"), digits.split("validation"))
    assert same(digits.split("test"), unchanged(digits.split("test")))


def test_which_metrics_are_of_samples():
    assert sampled_metric("val/kid") == "kid"
    assert sampled_metric("val/neg_elbo") is sampled_metric(None) is None


def test_what_cannot_select_is_refused(digits):
    with pytest.raises(ConfigError, match="higher is better"):
        trained(digits, [SampledMetric("coverage", digits, 60)])
    cfg = config.compose("train", ["model=gpt", "data=colors"])
    colors = open_dataset(cfg.data, cfg.paths.by_name, config.view(cfg))
    with pytest.raises(ConfigError, match="as images, and colors is of texts"):
        SampledMetric("kid", colors, 60)
    with pytest.raises(ConfigError, match="extractor=dinov2 needs a file"):
        SampledMetric("kid", digits, 60, "dinov2")
