"""A GPT on pixels, on images so small that every one of them can be asked about."""

import itertools
from dataclasses import replace

import pytest
import torch

from genkit.core.batch import Batch
from genkit.core.codecs import PixelCodec
from genkit.core.media.image import IMAGE
from genkit.core.noise import Noise
from genkit.core.observation import AveragePool, mask
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.families.gpt import GPT
from genkit.inference import verbs
from genkit.system.errors import ConfigError

SIZES = {"n_layer": 1, "n_head": 2, "n_embd": 16}
ALL = torch.tensor(list(itertools.product([0, 1], repeat=4)))  # (16, 4)


BANDS = replace(IMAGE, name="bands", order=(1, 0), rest="right")  # column by column, as time goes on


def model(conditional=False, medium=IMAGE):
    torch.manual_seed(0)
    array = ArraySpec(1, (2, 2), 2, medium=medium)
    spec = TokenSpec(PixelCodec(array), classes=("a", "b") if conditional else ())
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


@pytest.mark.parametrize("medium", [IMAGE, BANDS], ids=lambda medium: medium.name)
def test_completions_follow_the_exact_conditional_distribution(medium):
    made, n = model(medium=medium), 4000
    turned = (0, 1, 2, 3) if medium is IMAGE else (0, 1, 3, 2)  # rows of the one are columns of the other
    images = torch.zeros(n, 1, 2, 2)
    images[..., 0, 1] = 1  # the known row: 0, 1
    observation = mask(medium.rest, (2, 2))
    seen = Batch(images.permute(turned), range(n))
    completed = verbs.complete(made, observation, observation.measure(seen.data), seen, seed=3)
    completed = completed.permute(turned)
    assert torch.equal(completed[:, :, 0], images[:, :, 0])
    share = torch.bincount((completed[:, 0, 1] * torch.tensor([2, 1])).sum(1).long(), minlength=4) / n
    joint = probabilities(made)[4:8]  # images that begin with 0, 1
    assert (share - joint / joint.sum()).abs().max() < 0.03


def test_what_does_not_come_first_in_raster_order_is_refused():
    made, images = model(), torch.zeros(1, 1, 2, 2)
    for observation in (mask("upper", (2, 2)), AveragePool(factor=2)):
        with pytest.raises(ConfigError, match=r"raster order.* complete with mask=lower\."):
            verbs.complete(made, observation, observation.measure(images), Batch(images, range(1)))
    made = model(medium=BANDS)
    assert made.refusal(mask("right", (2, 2))) is None
    assert "mask=right" in made.refusal(mask("lower", (2, 2)))


def test_tokens_are_images_again():
    made = model()
    images = made.as_arrays(batch(ALL)).data
    assert torch.equal(images.flatten(1), ALL.float())
