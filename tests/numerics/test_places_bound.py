"""The bounds of a VAE with latents at places, beside integrals over all of them."""

import itertools

import pytest
import torch
from torch import nn

from genkit.core.batch import Batch
from genkit.core.noise import Noise
from genkit.core.observation import WhiteNoise
from genkit.core.phase import StepNoise
from genkit.core.spec import ArraySpec
from genkit.families.vae import VAE
from genkit.inference.posterior import explain

RANGE, POINTS = 6.0, 121  # of each of two latents


@pytest.fixture
def model():
    """Two latents, one of the whole and one at the only place of the smallest size; black and white, 2×2."""
    torch.manual_seed(3)
    made = VAE(
        ArraySpec(1, (2, 2), levels=2),
        network="resnet",
        latent_size=1,
        hidden=8,
        channels=(4,),
        smallest=1,
        places=(1,),
        attention=False,
    )
    assert made.latent_size == 2
    for name, parameter in made.named_parameters():
        if name.endswith("last.weight"):
            nn.init.normal_(parameter, 0, 0.3)
    made.decoder.entries[0].weight.data.mul_(4)  # so that the latents matter
    made.decoder.begin[2].weight.data.mul_(4)
    made.decoder.end[-1].weight.data.mul_(3)
    return made.eval()


IMAGES = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).view(16, 1, 2, 2)


def grid():
    line = torch.linspace(-RANGE, RANGE, POINTS)
    return torch.cartesian_prod(line, line), (2 * RANGE / (POINTS - 1)) ** 2


def exact(model):
    """log p(x) of each image, summed over a grid of both latents."""
    latents, area = grid()
    with torch.no_grad():
        on = model.decode(latents).double()  # the probability of white
        prior = torch.distributions.Normal(0, 1).log_prob(latents).sum(1).double()
        found = [(torch.where(x > 0, on, 1 - on).flatten(1).log().sum(1) + prior).exp().sum() for x in IMAGES]
    probabilities = torch.stack(found) * area
    assert float(probabilities.sum()) == pytest.approx(1.0, abs=1e-4)
    return probabilities.log().float()


def mean_bound(model, k, draws):
    batch = Batch(IMAGES.repeat(draws, 1, 1, 1), range(16 * draws))
    with torch.no_grad():
        values = model.log_likelihood(batch, Noise(0, batch.rows), importance_samples=k)
    return values.view(draws, 16).mean(0)


def test_with_many_samples_the_bound_is_the_summed_value_and_with_one_it_is_below(model):
    truth = exact(model)
    assert truth.std() > 0.1
    tight, loose = mean_bound(model, 1000, 4), mean_bound(model, 1, 2000)
    torch.testing.assert_close(tight, truth, rtol=0, atol=0.03)
    assert (loose < truth).all()
    # The same as the weight of one draw, whose divergence is drawn, too.
    torch.testing.assert_close(loose, mean_bound_of_one_weight(model, 2000), rtol=0, atol=0.1)


def mean_bound_of_one_weight(model, draws):
    """E log p(x, z) / q(z|x) by torch's own distributions."""
    torch.manual_seed(1)
    x = IMAGES.repeat(draws, 1, 1, 1)
    with torch.no_grad():
        passage = model.decoder.passage(model.decoder.parts(model.encoder(x)), torch.randn(len(x), 2))
        q = torch.distributions.Normal(passage.mean, (0.5 * passage.log_variance).exp())
        p = torch.distributions.Normal(0, 1)
        said = torch.distributions.Bernoulli(logits=passage.output).log_prob(x).flatten(1).sum(1)
        weight = said + p.log_prob(passage.latent).sum(1) - q.log_prob(passage.latent).sum(1)
    return weight.view(draws, 16).mean(0)


def test_the_place_is_seen_in_the_light_of_the_whole(model):
    """Its q is another for another latent of the whole, and encoding takes both at their means."""
    with torch.no_grad():
        seen = model.decoder.parts(model.encoder(IMAGES))
        found = [
            model.decoder.passage(seen, torch.tensor([[z, 0.0]]).expand(16, 2)).mean for z in (-1.0, 1.0)
        ]
        assert (found[0][:, 1] - found[1][:, 1]).abs().min() > 1e-4
        middle = model.decoder.passage(seen, torch.zeros(16, 2))
        torch.testing.assert_close(model.encode(IMAGES), middle.latent)
        torch.testing.assert_close(model.reconstruct(IMAGES), middle.output.sigmoid())


def test_latents_that_explain_what_is_known_are_draws_from_their_posterior(model):
    """Of a picture with noise, beside means and deviations by the grid."""
    observation, n = WhiteNoise(scale=0.05), 500
    with torch.no_grad():
        measured = model.decode(torch.tensor([[0.7, -0.9]]))
        latents, _ = grid()
        weight = observation.log_likelihood(model.decode(latents), measured.expand(len(latents), -1, -1, -1))
        weight = (weight + torch.distributions.Normal(0, 1).log_prob(latents).sum(1)).softmax(0)[:, None]
        mean = (weight * latents).sum(0)
        deviation = (weight * (latents - mean).square()).sum(0).sqrt()
    found = explain(model, observation, measured.expand(n, -1, -1, -1), None, Noise(0, range(n)))
    assert (mean.abs() + (deviation - 1).abs() > 0.05).all()  # something is learnt of either
    assert ((found.mean(0) - mean).abs() < 5 * deviation / n**0.5).all()
    torch.testing.assert_close(found.std(0), deviation, rtol=5 / (2 * n) ** 0.5, atol=0)


def test_free_bits_count_every_piece_of_a_batch(model):
    """Whole, or cut into two, a step has the same gradient."""
    torch.manual_seed(0)
    model.free_bits = 0.05
    found = []
    for pieces in (1, 2):
        model.zero_grad()
        size = 8 // pieces
        batches = [Batch(IMAGES[i : i + size], range(i, i + size)) for i in range(0, 8, size)]
        shared = {}
        for batch in batches:
            noise = StepNoise(0, batch.rows, step=0)
            noise.pieces, noise.shared = batches, shared
            (model.phases()[0].loss(batch, noise).total / pieces).backward()
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)
