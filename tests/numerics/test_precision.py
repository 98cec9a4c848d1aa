"""What is summed into a number that is shown is float32 at least, whatever the networks compute in."""

import pytest
import torch
from scipy.special import expit, rel_entr

from genkit.core.batch import Batch
from genkit.core.noise import Noise
from genkit.core.phase import StepNoise
from genkit.core.spec import ArraySpec
from genkit.families.dcgan import DCGAN
from genkit.families.gpt import GPT
from genkit.families.vae import VAE
from genkit.nn.likelihoods import LIKELIHOODS, gaussian_kl
from genkit.testing import OPTIM
from tests.conftest import IMAGES, TEXT, fit, images, tokens

FREE = 0.013  # nats a latent; near the mean costs of the latents of the module below
LABELLED = ArraySpec(1, (8, 8), levels=17, classes=("a", "b"))


def labelled(n):
    return Batch(images(n).data, range(n), torch.arange(n) % 2)


def make(name):
    torch.manual_seed(0)
    if name == "gpt":
        return GPT(TEXT, block_size=8, n_layer=1, n_head=2, n_embd=16), tokens
    if name == "dcgan":
        return DCGAN(IMAGES, latent_size=4, width=4, loss="hinge"), images
    if name == "dcgan-labels":
        return DCGAN(LABELLED, latent_size=4, width=4, conditional=True), labelled
    return VAE(IMAGES, latent_size=3, hidden=16, width=4, likelihood=name), images


@pytest.mark.parametrize("name", ["gpt", "dcgan", "dcgan-labels", *LIKELIHOODS])
def test_terms_and_scores_under_autocast_are_wide(name):
    module, batch = make(name)
    batch = module.prepare(batch(4))
    with torch.autocast("cpu", torch.bfloat16):
        noise = StepNoise(0, batch.rows, step=0)
        for phase in module.phases():
            total, terms = phase.loss(batch, noise)
            assert {total.dtype, *(term.dtype for term in terms.values())} == {torch.float32}
        for value in module.score_batch(batch, Noise(0, batch.rows)).values():
            assert value.dtype == torch.float32


def test_a_small_divergence_of_narrow_numbers():
    """0.021 nats, of which bfloat16 left -0.002: its 1 is as near to e^v as 0.004."""
    generator = torch.Generator().manual_seed(0)
    mean = (0.02 * torch.randn(4, 50, generator=generator)).bfloat16()
    log_variance = (0.02 * torch.randn(4, 50, generator=generator)).bfloat16()
    m, v = mean.double().numpy(), log_variance.double().exp().numpy()
    expected = 0.5 * (m**2 + rel_entr(1.0, v) + v - 1)  # log 1/v is KL's -log v
    kl = gaussian_kl(mean, log_variance)
    assert kl.dtype == torch.float32
    torch.testing.assert_close(kl.double(), torch.from_numpy(expected), rtol=1e-3, atol=1e-9)


def test_a_sum_of_narrow_logits_has_no_grid():
    """784 pixels of logits in bfloat16, summed by scipy in float64."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 1, 28, 28, generator=generator).bfloat16()
    data = torch.randint(0, 2, logits.shape, generator=generator).float()
    p = expit(logits.double().numpy())
    expected = -torch.from_numpy(data.numpy() * _log(p) + (1 - data.numpy()) * _log(1 - p)).flatten(1).sum(1)
    found = LIKELIHOODS["bernoulli"](2).nll(logits, data)
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=0)


def _log(p):
    return torch.from_numpy(p).log().numpy()


@pytest.mark.parametrize("name", ["gpt", "bernoulli", "dcgan"])
def test_validation_of_a_narrow_training_is_the_evaluation(name):
    """Trained under autocast, validated in float32: what a fresh process computes of the saved weights."""
    module, batch = make(name)
    trainer = fit(
        module, [batch(4)], val=[batch(6)], plan={"optim": {**OPTIM, "ema": None}}, precision="bf16-mixed"
    )
    held = module.prepare(batch(6))
    module.eval()
    with torch.no_grad():
        scores = module.score_batch(held, Noise(0, held.rows, purpose="validation"))
    assert scores
    for term, values in scores.items():
        assert float(trainer.callback_metrics[f"val/{term}"]) == pytest.approx(
            float(values.double().mean()), rel=1e-6
        )


def test_the_deviation_that_is_drawn_is_the_one_that_is_scored():
    """A scale below its bound: the density and the draws have the bound."""
    likelihood = LIKELIHOODS["gaussian"](256)
    with torch.no_grad():
        likelihood.log_variance.fill_(-30.0)
    output = torch.zeros(20_000, 1, 1, 1)
    uniform = Noise(0, range(len(output))).uniform("pixels", 1, 1, 1)
    drawn = likelihood.draw(output, uniform).detach().double()
    middle, off = (
        float(likelihood.nll(output[:1], torch.full((1, 1, 1, 1), 0.5 + d)).detach()) for d in (0.0, 0.01)
    )
    deviation = (0.01**2 / (2 * (off - middle))) ** 0.5  # of the normal density whose logarithm falls so
    assert float(drawn.std()) == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize("pieces", [2, 8])
def test_free_bits_are_of_the_whole_batch(pieces):
    """Latents above what is free in some micro-batches and below it in others: the update is the same."""
    optim = {**OPTIM, "name": "sgd", "momentum": 0.0, "lr": 0.1, "clip": None, "ema": None}
    states = []
    for accumulate in (1, pieces):
        torch.manual_seed(0)
        module = VAE(IMAGES, network="mlp", latent_size=6, hidden=16, free_bits=FREE)
        fit(module, [images(8, seed) for seed in range(3)], plan={"optim": optim, "accumulate": accumulate})
        states.append(module.state_dict())
    for name, whole in states[0].items():
        torch.testing.assert_close(states[1][name], whole, rtol=1e-5, atol=1e-6, msg=name)
    torch.manual_seed(0)  # the setting bites: pieces differ in what they are above of
    module = VAE(IMAGES, network="mlp", latent_size=6, hidden=16, free_bits=FREE)
    batch = module.prepare(images(8, 0))
    kl = module._elbo_parts(batch, Noise(0, batch.rows))[2].detach()
    above = kl.view(pieces, -1, 6).mean(1) > FREE
    assert (above != (kl.mean(0) > FREE)).any()
