"""A GPT on pixels, on images so small that every one of them can be asked about."""

import itertools

import pytest
import torch

from genkit.core.batch import Batch
from genkit.core.codecs import PixelCodec
from genkit.core.noise import Noise
from genkit.core.observation import AveragePool, mask
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.families.gpt import GPT
from genkit.inference import verbs
from genkit.system.errors import ConfigError

SIZES = {"n_layer": 1, "n_head": 2, "n_embd": 16}
ALL = torch.tensor(list(itertools.product([0, 1], repeat=4)))  # (16, 4)


def model(conditional=False):
    torch.manual_seed(0)
    spec = TokenSpec(PixelCodec(ArraySpec(1, (2, 2), 2)), classes=("a", "b") if conditional else ())
    made = GPT(spec, conditional=conditional, **SIZES).eval()
    for parameter in made.parameters():
        parameter.data.mul_(4)  # so that pixels matter to one another
    return made


def batch(images, label=None):
    tokens = torch.cat((torch.full((len(images), 1), 2), images), dim=1)
    labels = None if label is None else torch.full((len(images),), label)
    return Batch(tokens, range(len(images)), labels)


def probabilities(made, label=None):
    """Of all 16 images, (16,)."""
    with torch.no_grad():
        return made.log_likelihood(batch(ALL, label), Noise(0, range(16))).double().exp()


def test_the_probabilities_of_all_images_sum_to_one():
    torch.testing.assert_close(probabilities(model()).sum(), torch.tensor(1.0).double(), rtol=1e-5, atol=0)


def test_each_class_has_a_distribution_of_its_own():
    made = model(conditional=True)
    first, second = probabilities(made, 0), probabilities(made, 1)
    for total in (first.sum(), second.sum()):
        torch.testing.assert_close(total, torch.tensor(1.0).double(), rtol=1e-5, atol=0)
    assert (first - second).abs().max() > 0.01


@pytest.mark.parametrize("label", [None, 1])
def test_draws_have_the_probabilities_that_the_model_states(label):
    made, n = model(conditional=label is not None), 4000
    options = {} if label is None else {"label": label}
    drawn = torch.stack(made.sample(n, seed=1, batch_size=n, **options).data)
    share = torch.bincount((drawn * torch.tensor([8, 4, 2, 1])).sum(1), minlength=16) / n
    assert (share - probabilities(made, label)).abs().max() < 0.03


def test_completions_follow_the_exact_conditional_distribution():
    made, n = model(), 4000
    images = torch.zeros(n, 1, 2, 2)
    images[..., 0, 1] = 1  # the known row: 0, 1
    observation = mask("lower", (2, 2))
    seen = Batch(images, range(n))
    completed = verbs.complete(made, observation, observation.measure(images), seen, seed=3)
    assert torch.equal(completed[:, :, 0], images[:, :, 0])
    share = torch.bincount((completed[:, 0, 1] * torch.tensor([2, 1])).sum(1).long(), minlength=4) / n
    joint = probabilities(made)[4:8]  # images that begin with 0, 1
    assert (share - joint / joint.sum()).abs().max() < 0.03


def test_what_does_not_come_first_in_raster_order_is_refused():
    made, images = model(), torch.zeros(1, 1, 2, 2)
    for observation in (mask("upper", (2, 2)), AveragePool(factor=2)):
        with pytest.raises(ConfigError, match="raster order"):
            verbs.complete(made, observation, observation.measure(images), Batch(images, range(1)))


def test_tokens_are_images_again():
    made = model()
    images = made.as_arrays(batch(ALL)).data
    assert torch.equal(images.flatten(1), ALL.float())
