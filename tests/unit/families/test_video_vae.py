"""VAEs of moving pictures: their likelihoods over three axes, and the networks that are trained on them."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import special

from genkit.core.batch import Batch
from genkit.core.media.video import VIDEO
from genkit.core.noise import Noise
from genkit.core.phase import StepNoise
from genkit.core.spec import ArraySpec
from genkit.families.vae import VAE
from genkit.nn.likelihoods import LIKELIHOODS
from genkit.system.errors import ConfigError
from genkit.testing import OPTIM
from tests.conftest import fit

SMALL = {"latent_size": 4, "width": 4, "hidden": 24}
LEVELS = {"bernoulli": 2, "categorical": 5, "discretised_logistic": 256, "gaussian": 256}


def vae(levels=2, sizes=(4, 8, 8), channels=1, **knobs):
    torch.manual_seed(0)
    return VAE(ArraySpec(channels, sizes, levels, ("down", "up"), VIDEO, 8.0), **{**SMALL, **knobs})


def bars(spec, n, seed=0):
    """A bar across the frame that goes down (label 0) or up (label 1) around it, from any line."""
    T, H, W = spec.sizes
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    lines = (generator.integers(0, H, (n, 1)) + np.arange(T) * (1 - 2 * labels)[:, None]) % H
    lit = (np.arange(H) == lines[:, :, None])[:, None, :, :, None]
    data = np.broadcast_to(lit * (spec.levels - 1), (n, spec.channels, T, H, W)).astype(np.uint8)
    return Batch(torch.from_numpy(data), range(n), torch.from_numpy(labels))


def floats(spec, n, seed=0):
    batch = bars(spec, n, seed)
    return Batch(batch.data / (spec.levels - 1), batch.rows, batch.labels)


# ---------------------------------------------------------------------- likelihoods


@pytest.mark.parametrize("name", [name for name, kind in LIKELIHOODS.items() if name != "gaussian"])
def test_a_likelihood_of_coloured_clips_is_a_probability_at_every_place(name):
    """Over the levels of an entry it sums to 1, and no entry is told by another's numbers."""
    torch.manual_seed(0)
    levels, channels, sizes = LEVELS[name], 3, (2, 3, 5)
    likelihood = LIKELIHOODS[name](levels)
    output = 2 * torch.randn(1, likelihood.outputs * channels, *sizes)
    each = torch.linspace(0, 1, levels)
    every = each.view(-1, 1, 1, 1, 1).expand(-1, channels, *sizes)
    shares = torch.exp(-likelihood.nats(output.expand(levels, *output.shape[1:]), every))
    torch.testing.assert_close(shares.sum(0), torch.ones(channels, *sizes), rtol=1e-4, atol=1e-4)
    if name != "discretised_logistic":  # whose mean is its location
        expected = (shares * every).sum(0)
        torch.testing.assert_close(likelihood.mean(output)[0], expected, rtol=1e-5, atol=1e-5)
    place = (0, 1, 1, 2, 3)  # the example, its channel and frame, a row and a column
    changed = output.clone().requires_grad_()
    likelihood.nats(changed, every[:1])[place].backward()
    reached = changed.grad[0].view(likelihood.outputs, channels, *sizes).abs().sum(0).nonzero()
    assert reached.tolist() == [list(place[1:])]


def test_what_is_a_bound_and_what_is_none():
    for name, levels in LEVELS.items():
        kind = vae(levels, likelihood=name).likelihood_kind()
        assert kind.absent if name == "gaussian" else (kind.kind, kind.of) == ("bound", "probability")
    assert vae(256, likelihood="bernoulli").likelihood_kind().absent


@pytest.mark.parametrize(
    ("network", "sizes", "clips"),
    [("mlp", (2, 2, 2), 256)],
)
def test_bernoullis_bound_rises_to_the_likelihood_with_the_importance_samples(network, sizes, clips):
    """Of one latent the likelihood is an integral that can be summed; of eight pixels, over all clips."""
    model = vae(2, sizes, network=network, latent_size=1).double()
    for parameter in model.decoder.parameters():
        parameter.data.mul_(2.5 if parameter.ndim > 1 else 1)  # so that the latent matters
    generator = np.random.default_rng(1)
    every = np.array([*itertools.product([0.0, 1.0], repeat=8)]) if clips == 256 else None
    data = generator.integers(0, 2, (clips, math.prod(sizes))).astype(float) if every is None else every
    z = np.linspace(-8, 8, 2001)
    with torch.no_grad():
        logits = model.decoder(torch.from_numpy(z)[:, None]).flatten(1).numpy()
    log_p = special.log_expit(logits) @ data.T + special.log_expit(-logits) @ (1 - data).T  # (2001, clips)
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    truth = np.log(np.trapezoid(np.exp(log_p) * density[:, None], z, axis=0))
    if every is not None:
        assert np.exp(truth).sum() == pytest.approx(1, abs=1e-6)

    def bound(k, draws=1):
        many = torch.from_numpy(data).repeat(draws, 1).view(-1, 1, *sizes)
        batch = Batch(many, range(len(many)))
        with torch.no_grad():
            found = model.log_likelihood(batch, Noise(0, batch.rows), importance_samples=k)
        return found.view(draws, clips).mean(0).numpy()

    gaps = [float((truth - bound(k, 64)).mean()) for k in (1, 4, 64)]
    assert gaps[0] > gaps[1] > gaps[2] > -1e-3
    assert gaps[0] > 0.1  # the encoder knows nothing of the decoder
    np.testing.assert_allclose(bound(4096), truth, atol=0.1)


def test_a_distance_of_spectra_is_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"^model\.spectral_weight=1 compares .*_weight=0\.$") as said:
        vae(spectral_weight=1.0)
    assert "\n" not in str(said.value)


# ---------------------------------------------------------------------- training


@pytest.mark.parametrize("name", LEVELS)
def test_a_step_down_the_gradient_lowers_the_loss_by_what_the_gradient_says(name):
    """By its square times the rate, to first order."""
    module, rate = vae(LEVELS[name], likelihood=name), 1e-6
    batch = floats(module.spec, 6)

    def loss():
        return module.phases()[0].loss(batch, StepNoise(0, range(6), step=0)).total

    before = loss()
    slopes = torch.autograd.grad(before, [*module.parameters()])
    square = float(sum(slope.double().square().sum() for slope in slopes))
    optim = {**OPTIM, "name": "sgd", "lr": rate, "clip": None, "momentum": 0.0}
    fit(module, [bars(module.spec, 6)], plan={"optim": optim, "seed": 0})
    gone = float(before.detach()) - float(loss().detach())
    assert gone > 0
    assert gone == pytest.approx(rate * square, rel=0.2)


@pytest.mark.parametrize("sizes", [(8, 16, 16), (5, 12, 20)], ids=lambda sizes: "×".join(map(str, sizes)))
@pytest.mark.parametrize("network", ["mlp", "conv", "moving", "residual"])
def test_every_network_is_trained_on_clips_of_even_and_odd_lengths(network, sizes):
    module = vae(2, sizes, network=network, conditional=True)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    batches = [bars(module.spec, 8, seed) for seed in range(4)]
    trainer = fit(module, batches, val=batches[:1])
    assert math.isfinite(float(trainer.callback_metrics["val/neg_elbo"]))
    assert not {name for name, p in module.named_parameters() if torch.equal(before[name], p)}
    drawn = module.sample(3, label=1).data
    assert drawn.shape == (3, 1, *sizes)
    assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1
