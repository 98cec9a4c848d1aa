"""Interpolation, reconstruction and completion on models whose answers are known."""

import pytest
import torch
from torch import nn

from genkit.core.batch import Batch
from genkit.core.noise import Noise
from genkit.core.observation import AveragePool, Mask, WhiteNoise, mask
from genkit.core.spec import ArraySpec
from genkit.families.dcgan import DCGAN
from genkit.families.flow import Flow
from genkit.families.vae import VAE
from genkit.inference import verbs
from genkit.inference.posterior import explain
from genkit.system.errors import ConfigError


class Linear(nn.Module):
    """z -> z W + ½ as images of 4×4."""

    def __init__(self, latent_size):
        super().__init__()
        torch.manual_seed(3)
        self.weight = nn.Parameter(0.08 * torch.randn(latent_size, 16))

    def forward(self, latent, labels=None):
        return (latent @ self.weight).view(-1, 1, 4, 4)


def linear_model(latent_size=3):
    model = VAE(ArraySpec(1, (4, 4)), network="mlp", latent_size=latent_size, likelihood="gaussian").eval()
    model.decoder = Linear(latent_size)
    return model


def truth(model, n=5):
    with torch.no_grad():
        latent = 0.5 * Noise(9, range(n)).normal("truth", model.latent_size)
        return latent, model.decode(latent)


def posterior(model, rows, y, scale):
    """Mean and covariance of z given y = z A + b + σ ε, in closed form."""
    weight = model.decoder.weight.detach() @ rows
    precision = torch.eye(model.latent_size) + weight @ weight.T / scale**2
    offset = 0.5 * rows.sum(0)
    return torch.linalg.solve(precision, weight @ (y - offset).T / scale**2).T, precision.inverse()


def rows_of(observation):
    """The observation as a matrix (16, M)."""
    basis = torch.eye(16).view(16, 1, 4, 4)
    return observation.measure(basis).flatten(1)


OBSERVATIONS = {
    "mask": mask("lower", (4, 4)),
    "box": mask("box", (4, 4)),
    "pool": AveragePool(factor=2),
    "noise": WhiteNoise(scale=0.2),
}


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_the_latents_found_are_draws_from_the_posterior_of_a_linear_model(name):
    observation, model, n = OBSERVATIONS[name], linear_model(), 1000
    _, images = truth(model, 1)
    measured = observation.observe(images, Noise(0, range(1)))
    found = explain(model, observation, measured.expand(n, -1, -1, -1), None, Noise(0, range(n)))
    mean, covariance = posterior(model, rows_of(observation), measured.flatten(1), observation.scale)
    error = 5 * (covariance.diag() / n).sqrt()  # five standard errors, and as many of a covariance
    assert ((found.mean(0) - mean[0]).abs() < error).all()
    error = 5 * float(covariance.max()) * (2 / n) ** 0.5
    torch.testing.assert_close(
        found.T.cov(), covariance, atol=5 * float(covariance.max()) * (2 / n) ** 0.5, rtol=0
    )


def test_latents_are_drawn_from_both_explanations_of_an_observation():
    """y = z² is explained by two latents, far from each other."""
    model, n = linear_model(1), 400
    model.decode = lambda latent, labels=None: latent.square()[:, :, None, None]
    measured = torch.full((n, 1, 1, 1), 1.44)
    found = explain(model, WhiteNoise(scale=0.1), measured, None, Noise(0, range(n)))
    assert float((found > 0).float().mean()) == pytest.approx(0.5, abs=0.1)
    assert float(found.abs().mean()) == pytest.approx(1.2, abs=0.05)


def test_the_label_decides_what_explains_an_observation():
    """Decoded is ± z, as the label says, so what explains an observation has that sign."""
    model, n = linear_model(1), 40
    model.decode = lambda latent, labels: ((2 * labels - 1)[:, None] * latent)[:, :, None, None]
    labels, measured = torch.arange(n) % 2, torch.full((n, 1, 1, 1), 1.5)
    found = explain(model, WhiteNoise(scale=0.1), measured, labels, Noise(0, range(n)))
    assert torch.equal(found[:, 0] > 0, labels == 1)


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_the_log_likelihood_of_an_observation_is_a_normal_density(name):
    observation = OBSERVATIONS[name]
    torch.manual_seed(0)
    images, others = torch.rand(2, 5, 1, 4, 4)
    measured = observation.measure(others)
    expected = torch.distributions.Normal(observation.measure(images), observation.scale).log_prob(measured)
    torch.testing.assert_close(observation.log_likelihood(images, measured), expected.flatten(1).sum(1))


def test_what_is_known_stays_and_the_hidden_is_not_looked_at():
    model, observation = linear_model(), mask("right", (4, 4))
    _, images = truth(model)
    spoiled = images.clone()
    spoiled[..., 2:] = 77.0
    batch = Batch(torch.zeros(5, 1, 4, 4), range(5))
    results = [
        verbs.complete(model, observation, observation.observe(x, Noise(0, range(5))), batch)
        for x in (images, spoiled)
    ]
    assert torch.equal(*results)
    assert torch.equal(results[0][..., :2], images[..., :2])


def test_noise_of_known_scale_is_added_to_every_pixel():
    images = torch.full((50, 1, 8, 8), 0.5)
    noisy = WhiteNoise(scale=0.2).observe(images, Noise(0, range(50)))
    assert float((noisy - images).std()) == pytest.approx(0.2, rel=0.05)


def test_masks_hide_what_their_names_say():
    lower, box, half = mask("lower", (6, 6)), mask("box", (8, 8)), mask("random", (8, 8), seed=1)
    assert lower.known[:3].all()
    assert not lower.known[3:].any()
    assert int((~box.known).sum()) == 16
    assert int(half.known.sum()) == 32
    assert lower.prefix() == 18
    assert mask("upper", (6, 6)).prefix() is None
    assert not torch.equal(half.known, mask("random", (8, 8), seed=2).known)
    with pytest.raises(ConfigError, match="lower, upper"):
        mask("lowre", (6, 6))


def test_a_completion_does_not_depend_on_its_neighbours():
    torch.manual_seed(0)
    model = DCGAN(ArraySpec(1, (8, 8)), latent_size=4, width=4).eval()
    images = model.sample(3).data
    observation = Mask(known=mask("lower", (8, 8)).known)
    measured = observation.measure(images)
    whole = verbs.complete(model, observation, measured, Batch(images, range(3)), seed=2)
    part = verbs.complete(model, observation, measured[1:2], Batch(images[1:2], range(1, 2)), seed=2)
    torch.testing.assert_close(whole[1:2], part, atol=1e-3, rtol=0)


def test_paths_begin_and_end_where_they_should():
    torch.manual_seed(0)
    model = linear_model()
    first, last = torch.randn(2, 4, 3)
    for path in ("linear", "spherical"):
        way = verbs.interpolate(model, 4, steps=5, path=path, ends=(first, last))
        assert way.shape == (4, 5, 1, 4, 4)
        with torch.no_grad():
            torch.testing.assert_close(way[:, 0], model.decode(first))
            torch.testing.assert_close(way[:, -1], model.decode(last))
    unit = verbs.spherical(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 0.5)
    torch.testing.assert_close(unit, torch.full((1, 2), 0.5**0.5))
    same = verbs.spherical(first, first, 0.3)
    torch.testing.assert_close(same, first)


class Shifted(nn.Module):
    """A style is what is added to each pixel, the content what is left of the picture without it."""

    added = torch.tensor([0.0, 0.2, -0.3])

    def encode(self, data, labels):
        content = data.flatten(1) - 0.5 - self.added[labels][:, None]
        return torch.cat([content, torch.zeros_like(content)], 1)  # and log-variances

    def decode(self, latent, labels):
        return (latent + self.added[labels][:, None]).view(-1, 1, 4, 4)


def test_restyling_keeps_the_content_and_exchanges_the_style():
    model = VAE(
        ArraySpec(1, (4, 4), classes=("a", "b", "c")),
        network="mlp",
        latent_size=16,
        likelihood="gaussian",
        conditional=True,
    ).eval()
    shifted = Shifted()
    model.encoder.forward, model.decoder.forward = shifted.encode, shifted.decode
    content = 0.5 + 0.1 * torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    own, asked = torch.tensor([1, 2, 0]), torch.tensor([0, 1, 0])
    batch = Batch(content + Shifted.added[own].view(-1, 1, 1, 1), range(3), own)
    wanted = content + Shifted.added[asked].view(-1, 1, 1, 1)
    torch.testing.assert_close(verbs.restyle(model, batch, asked), wanted)


def test_a_flow_restyles_along_its_paths():
    """To its own class and back is what went in; of another class another velocity carries it elsewhere."""
    torch.manual_seed(0)
    model = Flow(ArraySpec(1, (4, 4), classes=("a", "b")), width=8, conditional=True).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    data, own = torch.rand(3, 1, 4, 4), torch.tensor([0, 1, 0])
    batch = Batch(data, range(3), own)
    torch.testing.assert_close(verbs.restyle(model, batch, own), data, rtol=0, atol=0.01)
    assert (verbs.restyle(model, batch, 1 - own) - data).abs().max() > 0.02


def test_restyling_is_refused_with_what_is_missing():
    batch = Batch(torch.zeros(1, 1, 8, 8), range(1), torch.zeros(1).long())
    spec = ArraySpec(1, (8, 8), classes=("a", "b"))
    with pytest.raises(ConfigError, match=r"restyle needs Encoder.*LatentSpace"):
        verbs.restyle(DCGAN(spec, latent_size=4, width=4), batch, batch.labels)
    with pytest.raises(ConfigError, match=r"trained without labels: train one with model\.conditional=true"):
        verbs.restyle(VAE(spec, network="mlp"), batch, batch.labels)


def test_a_model_without_the_capability_says_what_it_has():
    model = DCGAN(ArraySpec(1, (8, 8)), latent_size=4, width=4)
    with pytest.raises(ConfigError, match=r"Reconstruction.*LatentSpace"):
        verbs.reconstruct(model, Batch(torch.zeros(1, 1, 8, 8), range(1)))
