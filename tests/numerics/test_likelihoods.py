"""Densities of entries, over one axis to three, against torch.distributions; each against its own draws."""

import itertools

import pytest
import torch
from torch import distributions as D

from genkit.core.noise import Noise
from genkit.nn.likelihoods import LIKELIHOODS, gaussian_kl, gaussian_log_density

SIZES = [(6,), (3, 3), (2, 3, 2)]


@pytest.mark.parametrize("sizes", SIZES)
def test_bernoulli_is_the_log_probability_of_binary_data(sizes):
    torch.manual_seed(0)
    logits, data = torch.randn(5, 1, *sizes), torch.randint(0, 2, (5, 1, *sizes)).float()
    expected = -D.Independent(D.Bernoulli(logits=logits), 1 + len(sizes)).log_prob(data)
    torch.testing.assert_close(LIKELIHOODS["bernoulli"](2).nll(logits, data), expected)


def test_gaussian_divergence_and_density():
    torch.manual_seed(0)
    mean, log_variance, x = torch.randn(3, 4, 6).unbind()
    normal = D.Independent(D.Normal(mean, (0.5 * log_variance).exp()), 1)
    standard = D.Independent(D.Normal(torch.zeros(4, 6), torch.ones(4, 6)), 1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance).sum(1), D.kl_divergence(normal, standard))
    torch.testing.assert_close(gaussian_log_density(x, mean, log_variance), normal.log_prob(x))


def output_of(likelihood, entries, axes=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(entries, likelihood.outputs, *[1] * axes, generator=generator)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("name", ["bernoulli", "categorical", "discretised_logistic"])
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_probabilities_of_all_levels_sum_to_one(name, levels, axes):
    if name == "bernoulli" and levels != 2:
        return
    likelihood = LIKELIHOODS[name](levels)
    assert likelihood.discrete
    output = output_of(likelihood, 3, axes)
    values = [torch.full((3, 1, *[1] * axes), v / (levels - 1)) for v in range(levels)]
    total = torch.stack([torch.exp(-likelihood.nll(output, value)) for value in values]).double().sum(0)
    torch.testing.assert_close(total, torch.ones(3, dtype=torch.float64), rtol=1e-4, atol=1e-4)


def test_a_bernoulli_on_grey_values_does_not_call_itself_a_likelihood():
    assert not LIKELIHOODS["bernoulli"](17).discrete
    assert not LIKELIHOODS["gaussian"](256).discrete


@pytest.mark.parametrize("sizes", SIZES)
def test_categorical_agrees_with_torch(sizes):
    likelihood = LIKELIHOODS["categorical"](5)
    torch.manual_seed(0)
    output, level = torch.randn(4, 5 * 2, *sizes), torch.randint(0, 5, (4, 2, *sizes))
    logits = output.view(4, 5, 2, *sizes).movedim(1, -1)
    expected = -D.Independent(D.Categorical(logits=logits), 1 + len(sizes)).log_prob(level)
    torch.testing.assert_close(likelihood.nll(output, level / 4), expected)
    mean = (logits.softmax(-1) * torch.linspace(0, 1, 5)).sum(-1)
    torch.testing.assert_close(likelihood.mean(output), mean)


def test_discretised_logistic_is_a_difference_of_distribution_functions():
    likelihood = LIKELIHOODS["discretised_logistic"](256)
    output = torch.tensor([[[[0.1]], [[-1.0]]]], dtype=torch.float64)
    location, scale = 0.6, torch.exp(torch.tensor(-3.0, dtype=torch.float64))
    logistic = D.TransformedDistribution(
        D.Uniform(torch.tensor(0.0).double(), torch.tensor(1.0).double()),
        [D.SigmoidTransform().inv, D.AffineTransform(location, scale)],
    )
    for level in (1, 100, 153, 254):
        x = torch.tensor(level / 255, dtype=torch.float64)
        probability = logistic.cdf(x + 0.5 / 255) - logistic.cdf(x - 0.5 / 255)
        nll = likelihood.nll(output, x.view(1, 1, 1, 1))
        torch.testing.assert_close(nll[0], -probability.log(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_discretised_logistic_treats_the_entries_of_an_array_apart(sizes):
    likelihood = LIKELIHOODS["discretised_logistic"](17)
    torch.manual_seed(0)
    output, data = torch.randn(4, 2 * 3, *sizes), torch.randint(0, 17, (4, 3, *sizes)) / 16
    expected = torch.zeros(4)
    for channel in range(3):
        for place in itertools.product(*map(range, sizes)):
            both = [output[(slice(None), number * 3 + channel, *place)] for number in range(2)]
            one = data[(slice(None), channel, *place)]
            expected += likelihood.nll(torch.stack(both, 1)[..., None, None], one[:, None, None, None])
    torch.testing.assert_close(likelihood.nll(output, data), expected)


@pytest.mark.parametrize("sizes", SIZES)
def test_gaussian_is_a_normal_density_of_its_own_scale(sizes):
    likelihood = LIKELIHOODS["gaussian"](256)
    torch.manual_seed(0)
    output, data = torch.randn(3, 1, *sizes), torch.rand(3, 1, *sizes)
    scale = torch.exp(0.5 * likelihood.log_variance.detach())
    expected = -D.Independent(D.Normal(output + 0.5, scale), 1 + len(sizes)).log_prob(data)
    torch.testing.assert_close(likelihood.nll(output, data).detach(), expected)


@pytest.mark.parametrize(
    ("name", "levels"), [("bernoulli", 2), ("categorical", 5), ("discretised_logistic", 5)]
)
def test_draws_have_the_probabilities_that_the_density_states(name, levels):
    likelihood, n = LIKELIHOODS[name](levels), 20_000
    output = output_of(likelihood, 1)
    uniform = Noise(0, range(n)).uniform("pixels", 1, 1, 1)
    drawn = likelihood.level(likelihood.draw(output.expand(n, -1, -1, -1), uniform)).flatten()
    share = torch.bincount(drawn, minlength=levels) / n
    values = [torch.full((1, 1, 1, 1), v / (levels - 1)) for v in range(levels)]
    stated = torch.cat([torch.exp(-likelihood.nll(output, value)) for value in values])
    assert (share - stated).abs().max() < 0.015  # four standard errors of a share of one half
