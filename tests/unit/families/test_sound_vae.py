"""VAEs of sounds over time: the depth, likelihoods of 16 bits, the spectral term, and what they learn."""

import numpy as np
import pytest
import torch
from scipy import stats

from genkit.core.batch import Batch
from genkit.core.media.audio import AUDIO
from genkit.core.phase import StepNoise
from genkit.core.representations.log_mel import LogMel
from genkit.core.representations.mu_law import MuLaw
from genkit.core.spec import ArraySpec
from genkit.families.vae import VAE
from genkit.nn.autoencoder import divisions
from genkit.nn.companding import mu_law_expanded
from genkit.nn.likelihoods import DiscretisedLogistic
from genkit.nn.spectra import spectral_distance
from genkit.system.errors import ConfigError
from genkit.testing import OPTIM, Case, checks
from tests.conftest import fit

WAVES = ArraySpec(1, (256,), 65_536, ("low", "high"), AUDIO, 8_000.0)
LEVELS = ArraySpec(1, (256,), 64, ("low", "high"), AUDIO, 8_000.0, MuLaw(64))
SMALL = {"latent_size": 6, "width": 4, "hidden": 24}


def sounds(spec, n, seed=0):
    """Sines of two pitches, any phase and loudness, as the levels that a model reads."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    phase, loud = generator.uniform(size=(n, 1)), generator.uniform(0.3, 0.9, size=(n, 1))
    waves = loud * np.sin(2 * np.pi * (phase + np.arange(256) * (0.02 + 0.05 * labels)[:, None]))
    samples = np.round(waves * 32_767).astype(np.int16)[:, None]
    if spec.representation is not None:
        levels = spec.representation.forward(samples).astype(np.int64)
    else:
        levels = samples.astype(np.int64) + 2**15
    return Batch(torch.from_numpy(levels), range(n), torch.from_numpy(labels))


def floats(spec, n):
    batch = sounds(spec, n)
    return Batch(batch.data / (spec.levels - 1), batch.rows, batch.labels)


CASES = {
    "waveform": (WAVES, {"likelihood": "discretised_logistic", "spectral_weight": 0.5}),
    "mu_law": (LEVELS, {"likelihood": "categorical", "conditional": True}),
    "mu_law-spectral": (
        LEVELS,
        {"likelihood": "discretised_logistic", "spectral_weight": 0.5, "network": "residual"},
    ),
}


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("name", CASES)
def test_a_vae_of_sounds_keeps_the_contract(name, check):
    spec, knobs = CASES[name]
    check(Case(lambda: VAE(spec, **SMALL, **knobs), lambda n: sounds(spec, n)))


# ---------------------------------------------------------------------- depth


def test_a_network_is_as_deep_as_a_sound_is_long_and_of_images_as_it_was():
    def factors(*sizes):
        return [step.factors for step in divisions(sizes)]

    assert factors(64) == factors(256) == [(4,), (4,)]
    assert factors(1024) == [(4,)] * 3
    assert factors(4096) == factors(8192) == [(4,)] * 4
    assert factors(4000) == [(4,), (4,)]  # 250 are left, and no fourth of them
    assert factors(20) == [(2,), (2,)]
    assert factors(28, 28) == [(2, 2)] * 2
    encoder = VAE(ArraySpec(1, (4096,), 64, medium=AUDIO), width=2).encoder
    assert encoder.head[0].in_features == 16 * 16  # 16 places of 2·2³ channels


def test_a_latent_is_heard_from_the_beginning():
    """Behind many long kernels, too: else nothing says what a latent is for."""
    torch.manual_seed(0)
    module = VAE(ArraySpec(1, (4096,), 65_536, medium=AUDIO), width=8, likelihood="gaussian")
    with torch.no_grad():
        drawn = module.decode(torch.randn(16, 20))
    assert float(drawn.std(0).mean()) > 0.01


# ---------------------------------------------------------------------- likelihoods


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 0.02), (0.1, 0.001), (-0.4999, 0.3), (0.2, 1e-5)])
def test_the_discretised_logistic_of_16_bits_is_a_probability(mean, scale):
    """Beside scipy's distribution function at the edges of the bins, in float32 as it is trained."""
    levels = torch.arange(65_536)
    output = torch.tensor([mean, np.log(scale) + 2.0], dtype=torch.float32).view(1, 2, 1).expand(1, 2, 65_536)
    nats = DiscretisedLogistic(65_536).nats(output, (levels / 65_535)[None, None])[0, 0].double().numpy()
    assert np.exp(-nats).sum() == pytest.approx(1, abs=2e-3)
    edges = (np.arange(65_535) + 0.5) / 65_535
    shares = np.diff(np.concatenate(([0.0], stats.logistic.cdf(edges, mean + 0.5, scale), [1.0])))
    likely = shares > 1e-7
    np.testing.assert_allclose(np.exp(-nats)[likely], shares[likely], rtol=0.02)


def test_what_has_a_number_for_each_level_is_refused_of_16_bits():
    for likelihood in ("bernoulli", "categorical"):
        with pytest.raises(
            ConfigError, match=r"have 65536: set model\.likelihood=discretised_logistic, or"
        ) as said:
            VAE(WAVES, likelihood=likelihood)
        assert "\n" not in str(said.value)
    for likelihood in ("discretised_logistic", "gaussian"):
        assert VAE(WAVES, **SMALL, likelihood=likelihood).likelihood.outputs <= 2
    kind = VAE(LEVELS, **SMALL, likelihood="categorical").likelihood_kind()
    assert (kind.kind, kind.of) == ("bound", "probability")


# ---------------------------------------------------------------------- the spectral term


@pytest.mark.parametrize("levels", [64, 256])
def test_levels_are_expanded_as_their_way_back_has_it(levels):
    unit = torch.arange(levels) / (levels - 1)
    samples = MuLaw(levels).back(unit.numpy()[None, None])[0, 0]
    np.testing.assert_allclose(mu_law_expanded(unit, levels).numpy() * 2**15, samples, atol=0.51 + 1)
    unit = torch.tensor([0.1, 0.45, 0.5, 0.77]).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda u: mu_law_expanded(u, levels), unit[[0, 1, 3]].detach().requires_grad_()
    )


@pytest.mark.parametrize("spec", [WAVES, LEVELS], ids=["waveform", "mu_law"])
def test_the_loss_is_the_negative_elbo_and_the_distance_of_what_is_heard(spec):
    torch.manual_seed(0)
    module = VAE(spec, **SMALL, likelihood="discretised_logistic", spectral_weight=0.5)
    batch, noise = floats(spec, 4), StepNoise(1, range(4), step=0)
    found = module._loss(batch, noise)
    mean, log_variance = module.encoder(batch.data * 2 - 1).chunk(2, 1)
    latent = mean + (0.5 * log_variance).exp() * noise.normal("posterior", 6)
    unit = module.decode(latent)
    heard, truth = (
        torch.from_numpy(spec.as_shown(x.detach().numpy()) / 2**15).float() for x in (unit, batch.data)
    )
    distance = float(spectral_distance(heard, truth).mean())
    assert float(found.terms["spectral"]) == pytest.approx(distance, rel=0.01)
    total = float(found.total.detach())
    assert total == pytest.approx(float(found.terms["neg_elbo"]) + 0.5 * 256 * distance, rel=0.01)
    scores = module.score_batch(batch, noise)
    assert float(scores["spectral"].detach().mean()) == pytest.approx(distance, rel=0.01)
    assert set(scores) <= set(module.units)


def test_with_a_spectral_term_it_is_no_bound_and_says_why():
    module = VAE(LEVELS, **SMALL, likelihood="categorical", spectral_weight=1)
    kind = module.likelihood_kind()
    assert kind.absent
    assert "spectra" in kind.note


def test_a_spectral_term_is_of_sounds_over_time():
    mel = LogMel(rate=8_000.0, samples=4096)
    pictures = ArraySpec(1, mel.sizes((4096,)), mel.levels, (), AUDIO, 8_000.0, mel)
    for spec in (pictures, ArraySpec(1, (8, 8))):
        with pytest.raises(
            ConfigError, match=r"spectral_weight=1 compares sounds over time, .*spectral_weight=0\."
        ):
            VAE(spec, **SMALL, spectral_weight=1.0)


# ---------------------------------------------------------------------- what is learned


@pytest.mark.parametrize(
    ("spec", "knobs"),
    [
        (WAVES, {"likelihood": "discretised_logistic"}),
        (WAVES, {"likelihood": "discretised_logistic", "network": "mlp"}),
        (LEVELS, {"likelihood": "categorical", "beta_warmup": 200}),
        (LEVELS, {"likelihood": "categorical", "spectral_weight": 1.0}),
    ],
    ids=["waveform", "mlp", "mu_law", "spectral"],
)
def test_a_reconstruction_is_recognisable(spec, knobs):
    """Sines that were never seen, of any phase and loudness, after some seconds of training."""
    torch.manual_seed(0)
    module = VAE(spec, latent_size=8, width=16, hidden=64, **knobs)
    optim = {**OPTIM, "lr": 2e-3}
    fit(module, [sounds(spec, 32, seed) for seed in range(1, 451)], plan={"optim": optim})
    unseen = floats(spec, 16)
    with torch.no_grad():
        made = module.reconstruct(unseen.data)
    made, truth = (spec.as_shown(x.numpy())[:, 0].astype(float) for x in (made, unseen.data))
    ratio = 10 * np.log10((truth**2).sum(1) / ((made - truth) ** 2).sum(1))
    assert np.median(ratio) > 10, ratio
