"""The bounds of a VAE where the exact value is known: a linear-Gaussian model, and one that can be summed."""

import itertools
import math

import pytest
import torch
from torch import nn

from genkit.core.batch import Batch
from genkit.core.noise import Noise
from genkit.core.phase import StepNoise
from genkit.core.spec import ArraySpec
from genkit.families.vae import VAE

SCALE, N = 0.3, 3


class Affine(nn.Module):
    """x -> x A + b, reshaped; labels are ignored."""

    def __init__(self, matrix, bias, shape):
        super().__init__()
        self.matrix, self.bias, self.shape = nn.Parameter(matrix), nn.Parameter(bias), shape

    def forward(self, x, labels=None):
        return (x.flatten(1) @ self.matrix + self.bias).view(-1, *self.shape)


def linear_gaussian(stretch: float = 1.0) -> tuple[VAE, torch.Tensor]:
    """x = z W + ½ + σ ε with W of orthogonal rows of length s.

    Its posterior is N((x - ½) Wᵀ / (s² + σ²), σ² / (s² + σ²)), each latent independent of the other.
    With `stretch` other than 1 the encoder's deviations are wrong by that factor.
    Returns the model and the covariance of x.
    """
    torch.manual_seed(0)
    model = VAE(ArraySpec(1, (2, 2)), network="mlp", latent_size=2, likelihood="gaussian").double()
    rows = torch.linalg.qr(torch.randn(4, 2, dtype=torch.float64)).Q.T  # (2, 4), orthonormal
    sizes = torch.tensor([0.8, 0.4], dtype=torch.float64)
    weight = sizes[:, None] * rows
    total = sizes.square() + SCALE**2
    log_variance = torch.log(SCALE**2 / total) + 2 * math.log(stretch)
    zeros = torch.zeros(4, 2, dtype=torch.float64)
    mean_matrix = weight.T / total
    model.encoder = Affine(
        torch.cat((mean_matrix, zeros), 1), torch.cat((-(0.5 * mean_matrix).sum(0), log_variance)), (4,)
    )
    model.decoder = Affine(weight, torch.zeros(4, dtype=torch.float64), (1, 2, 2))
    model.likelihood.log_variance.data.fill_(2 * math.log(SCALE))
    return model, weight.T @ weight + SCALE**2 * torch.eye(4, dtype=torch.float64)


def data(covariance):
    torch.manual_seed(1)
    noise = torch.randn(N, 4, dtype=torch.float64)
    return (noise @ torch.linalg.cholesky(covariance).T + 0.5).view(N, 1, 2, 2)


def exact(x, covariance):
    normal = torch.distributions.MultivariateNormal(torch.full((4,), 0.5).double(), covariance)
    return normal.log_prob(x.flatten(1))


def mean_bound(model, x, k, draws=4000):
    """The bound of each of N examples, averaged over its noise."""
    batch = Batch(x.repeat(draws, 1, 1, 1), range(len(x) * draws))
    with torch.no_grad():
        values = model.log_likelihood(batch, Noise(0, batch.rows), importance_samples=k)
    return values.view(draws, len(x)).mean(0)


def test_with_the_exact_posterior_every_importance_weight_is_the_likelihood():
    model, covariance = linear_gaussian()
    x = data(covariance)
    with torch.no_grad():
        for k in (2, 40):
            bound = model.log_likelihood(Batch(x, range(N)), Noise(0, range(N)), importance_samples=k)
            torch.testing.assert_close(bound, exact(x, covariance), rtol=1e-5, atol=1e-5)


def test_with_the_exact_posterior_the_elbo_is_the_likelihood_on_average():
    model, covariance = linear_gaussian()
    x = data(covariance)
    torch.testing.assert_close(mean_bound(model, x, 1), exact(x, covariance), rtol=0, atol=0.05)


def test_the_bound_rises_with_k_and_stays_below_the_exact_value():
    model, covariance = linear_gaussian(stretch=2.0)
    x = data(covariance)
    bounds = [float(mean_bound(model, x, k).mean()) for k in (1, 2, 8, 32)]
    truth = float(exact(x, covariance).mean())
    assert bounds == sorted(bounds)
    assert bounds[-1] < truth
    assert bounds[0] < truth - 0.5
    # ELBO = log p(x) - KL(q || p(z|x)), two latents each too wide by the factor 2
    gap = 2 * 0.5 * (4 - 1 - math.log(4))
    assert bounds[0] == pytest.approx(truth - gap, abs=0.1)


def test_on_binary_images_of_four_pixels_the_bound_is_below_the_summed_value():
    torch.manual_seed(0)
    model = VAE(ArraySpec(1, (2, 2), levels=2), network="mlp", latent_size=1, hidden=8)
    model.decoder.head[-1].weight.data.mul_(6)  # so that the latent matters
    images = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).view(16, 1, 2, 2)
    z = torch.linspace(-8, 8, 4001)[:, None]
    with torch.no_grad():
        logits = model.decoder(z)  # (4001, 1, 2, 2)
        log_p = torch.stack([-model.likelihood.nll(logits, x.expand_as(logits)) for x in images], 1)
        prior = torch.distributions.Normal(0, 1).log_prob(z)
        probability = torch.trapezoid(torch.exp(log_p + prior).double(), dx=16 / 4000, dim=0)
    assert float(probability.sum()) == pytest.approx(1.0, abs=1e-4)
    elbo, tight = mean_bound(model, images, 1, 500), mean_bound(model, images, 16, 500)
    truth = probability.log().float()
    assert (elbo < truth).all()
    assert (tight < truth + 0.05).all()  # its own noise is about 0.01 an image
    assert tight.mean() < truth.mean()
    assert (tight > elbo).all()


# ---------------------------------------------------------------------- what the training objective weighs


def loss_of(**knobs):
    torch.manual_seed(0)
    model = VAE(ArraySpec(1, (8, 8)), network="mlp", latent_size=3, hidden=8, **knobs)
    torch.manual_seed(1)
    step = knobs.pop("step", 0)
    batch = Batch(torch.rand(4, 1, 8, 8), range(4))
    total, terms = model.phases()[0].loss(batch, StepNoise(0, range(4), step=step))
    return float(total.detach()), {name: float(value) for name, value in terms.items()}


def test_beta_weighs_the_divergence_alone():
    plain, terms = loss_of()
    heavy, same = loss_of(beta=4.0)
    assert terms == same
    assert plain == pytest.approx(terms["reconstruction"] + terms["kl"], rel=1e-6)
    assert heavy == pytest.approx(terms["reconstruction"] + 4 * terms["kl"], rel=1e-6)


def test_the_weight_of_the_divergence_rises_over_its_warm_up():
    total, terms = loss_of(beta_warmup=9)
    assert total == pytest.approx(terms["reconstruction"] + 0.1 * terms["kl"], rel=1e-6)


def test_free_bits_cost_nothing_and_pull_nothing():
    total, terms = loss_of(free_bits=50.0)  # far above what any latent carries here
    assert total == pytest.approx(terms["reconstruction"] + 3 * 50, rel=1e-6)
