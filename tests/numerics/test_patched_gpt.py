"""A GPT on patches of arrays so small that every one of them can be asked about."""

import itertools

import numpy as np
import pytest
import torch

from genkit.core.batch import Batch
from genkit.core.codecs import PatchCodec, PixelCodec
from genkit.core.observation import Mask, mask
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.data.array_windows import PixelWindows
from genkit.data.arrays.treatments import Levels
from genkit.data.dataset import ArrayExamples
from genkit.families.gpt import GPT
from genkit.inference import verbs
from genkit.inference.scoring import score_split
from genkit.system.errors import ConfigError

SIZES = {"n_layer": 1, "n_head": 2, "n_embd": 16}


def made(array, patch, conditional=False):
    torch.manual_seed(0)
    codec = PatchCodec(array, patch) if patch else PixelCodec(array)
    model = GPT(TokenSpec(codec, classes=array.classes), conditional=conditional, **SIZES).eval()
    for parameter in model.parameters():
        parameter.data.mul_(4)  # so that tokens matter to one another
    return model


def every(array):
    """Every array that there is, uint8 (levels^size, C, *sizes)."""
    found = list(itertools.product(range(array.levels), repeat=array.size))
    return np.array(found, np.uint8).reshape(-1, *array.shape)


def scores(model, labels=None):
    """Log-likelihoods of all arrays, as an evaluation reads them."""
    arrays = every(model.spec.array)
    numbers = None if labels is None else np.full(len(arrays), labels)
    levels = Levels(model.spec.array.levels, model.spec.array.levels)
    examples = ArrayExamples(arrays, numbers, np.arange(len(arrays)), levels)
    return score_split(model, PixelWindows(examples, model.spec.codec))


@pytest.mark.parametrize(
    ("array", "patch"),
    [
        (ArraySpec(1, (2, 2), 2), (1, 2)),
        (ArraySpec(1, (2, 2), 2), (2, 2)),
        (ArraySpec(1, (2, 2), 3), (2, 1)),
        (ArraySpec(3, (1, 2), 2), (1, 2)),
    ],
)
def test_the_probabilities_of_all_arrays_sum_to_one(array, patch):
    found = scores(made(array, patch))
    assert np.exp(found.values).sum() == pytest.approx(1, rel=1e-5)
    assert found.size == len(found.values) * array.size  # bits are of entries, not of tokens
    assert found.bits == pytest.approx(-found.values.mean() / np.log(2) / array.size)


def test_each_class_has_a_distribution_of_its_own():
    model = made(ArraySpec(1, (2, 2), 2, ("a", "b")), (1, 2), conditional=True)
    first, second = (np.exp(scores(model, label).values) for label in (0, 1))
    assert (first.sum(), second.sum()) == (pytest.approx(1, rel=1e-5), pytest.approx(1, rel=1e-5))
    assert np.abs(first - second).max() > 0.01


def test_patches_of_one_entry_score_as_pixels_do():
    array = ArraySpec(1, (2, 2), 3)
    np.testing.assert_array_equal(scores(made(array, (1, 1))).values, scores(made(array, None)).values)


def numbers_of(arrays, levels):
    """Arrays (n, …) as places among `every`."""
    digits = np.asarray(arrays).reshape(len(arrays), -1)
    return digits @ levels ** np.arange(digits.shape[1])[::-1]


def test_draws_have_the_probabilities_that_the_model_states():
    array, n = ArraySpec(1, (2, 2), 2), 4000
    model = made(array, (1, 2))
    drawn = model.sample(n, seed=1, batch_size=n)
    assert drawn.arrays.shape == (n, 1, 2, 2)
    share = np.bincount(numbers_of(drawn.arrays // 255, 2), minlength=16) / n
    assert np.abs(share - np.exp(scores(model).values)).max() < 0.03


@pytest.mark.parametrize("known", range(1, 6))
def test_completions_from_within_a_patch_follow_the_exact_conditional_distribution(known):
    """Of six binary entries in patches of three, whatever the number of those that are known."""
    array, n = ArraySpec(1, (1, 6), 2), 4000
    model = made(array, (1, 3))
    truth = torch.tensor([1, 0, 0, 1, 1, 0]).view(1, 1, 1, 6).expand(n, 1, 1, 6).float()
    observation = Mask(known=torch.arange(6)[None] < known)
    completed = verbs.complete(model, observation, observation.measure(truth), Batch(truth, range(n)), seed=3)
    assert torch.equal(completed[..., :known], truth[..., :known])
    share = np.bincount(numbers_of(completed.int().numpy(), 2), minlength=64) / n
    joint = np.exp(scores(model).values)
    agrees = (every(array).reshape(64, 6)[:, :known] == truth[0].int().numpy().reshape(6)[:known]).all(1)
    expected = np.where(agrees, joint, 0) / joint[agrees].sum()
    assert np.abs(share - expected).max() < 0.03


def test_what_is_known_may_not_end_within_several_patches():
    model, images = made(ArraySpec(1, (6, 4), 2), (2, 2)), torch.zeros(1, 1, 6, 4)
    observation = mask("lower", (6, 4))  # the first three rows are known
    with pytest.raises(ConfigError, match=r"within patches of 2×2.*the first 2 or 4 of 6 along height"):
        verbs.complete(model, observation, observation.measure(images), Batch(images, range(1)))
    assert model.refusal(Mask(known=torch.arange(6)[:, None].expand(6, 4) < 4)) is None
    assert "mask=lower" in model.refusal(mask("upper", (6, 4)))
    several = made(ArraySpec(3, (1, 4), 2), (1, 2))  # of one patch the next channel would come too late
    assert "between them" in several.refusal(Mask(known=torch.arange(4)[None] < 3))
    assert several.refusal(Mask(known=torch.arange(4)[None] < 2)) is None


def test_tokens_are_arrays_again():
    array = ArraySpec(2, (2, 2), 2)
    model = made(array, (2, 1))
    arrays = every(array)
    ids = torch.from_numpy(model.spec.codec.to_ids(arrays).astype(np.int64))
    tokens = torch.cat((torch.full((len(ids), 1), model.spec.codec.start), ids), 1)
    read = model.as_arrays(Batch(tokens, range(len(ids)))).data
    assert torch.equal(read, torch.from_numpy(arrays).float())


def test_a_seed_gives_the_same_arrays_at_any_batch_size():
    model = made(ArraySpec(1, (4, 4), 2), (2, 2))
    whole = model.sample(5, seed=2, batch_size=5).arrays
    assert (model.sample(5, seed=2, batch_size=2).arrays == whole).all()
    assert (model.sample(2, seed=2).arrays == whole[:2]).all()
