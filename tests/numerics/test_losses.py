"""Densities and losses against torch.distributions and torch's own criteria."""

import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from genkit.nn.adversarial import discriminator_loss, generator_loss
from genkit.nn.likelihoods import bernoulli_nll, gaussian_kl, gaussian_log_density


def test_bernoulli_is_the_log_probability_of_binary_images():
    torch.manual_seed(0)
    logits, data = torch.randn(5, 1, 4, 4), torch.randint(0, 2, (5, 1, 4, 4)).float()
    expected = -Independent(Bernoulli(logits=logits), 3).log_prob(data)
    torch.testing.assert_close(bernoulli_nll(logits, data), expected)


def test_gaussian_divergence_and_density():
    torch.manual_seed(0)
    mean, log_variance, x = torch.randn(3, 4, 6).unbind()
    normal = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    standard = Independent(Normal(torch.zeros(4, 6), torch.ones(4, 6)), 1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), kl_divergence(normal, standard))
    torch.testing.assert_close(gaussian_log_density(x, mean, log_variance), normal.log_prob(x))


def test_adversarial_losses_are_cross_entropies():
    torch.manual_seed(0)
    real, fake = torch.randn(7), torch.randn(7)
    ones, zeros = torch.ones(7), torch.zeros(7)
    torch.testing.assert_close(discriminator_loss(real, fake), bce(real, ones) + bce(fake, zeros))
    torch.testing.assert_close(generator_loss(fake), bce(fake, ones))
