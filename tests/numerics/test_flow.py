"""Flow against independent answers: densities of mixtures, scipy's solvers, sums over all levels."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.spatial.distance import cdist

from genkit.core.batch import Batch
from genkit.core.media.audio import AUDIO
from genkit.core.noise import Noise
from genkit.core.observation import WhiteNoise
from genkit.core.phase import StepNoise
from genkit.core.spec import ArraySpec
from genkit.families.flow import Flow
from genkit.inference import verbs
from genkit.nn.dequantised import Continuum
from genkit.nn.matched_noise import matched
from genkit.system.errors import ConfigError

PLANE = ArraySpec(2, (1,), 2**16, medium=AUDIO)  # points of two numbers
CENTRES = torch.tensor([[0.3, 0.35], [0.7, 0.4], [0.45, 0.75]])
WIDTH = 0.05
DIGITS = ArraySpec(1, (8, 8), 17, tuple("0123456789"))


def mixture(n: int, seed: int) -> torch.Tensor:
    """Points of three Gaussians in the unit square, (n, 2, 1), the first twice as frequent as each other."""
    generator = torch.Generator().manual_seed(seed)
    which = torch.tensor([0, 0, 1, 2])[torch.randint(0, 4, (n,), generator=generator)]
    points = CENTRES[which] + WIDTH * torch.randn(n, 2, generator=generator)
    return points.clamp(0, 1)[..., None]


@pytest.fixture(scope="module")
def plane() -> Flow:
    """A small flow that has seen 256,000 points."""
    torch.manual_seed(0)
    model = Flow(PLANE, network="transformer", width=32, blocks=2, heads=1)
    (phase,) = model.phases()
    optimizer = torch.optim.Adam(phase.parameters, lr=2e-3)
    steps, rows = 500, range(512)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        loss = phase.loss(Batch(mixture(len(rows), step), rows), StepNoise(0, rows, step=step))
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def test_the_density_of_a_mixture_in_the_plane_integrates_to_one(plane):
    side = torch.linspace(-1.4, 1.4, 61)
    grid = torch.stack(torch.meshgrid(side, side, indexing="ij"), dim=2).view(-1, 2)
    density = plane.log_density(grid).exp()
    assert density.sum().item() * (2.8 / 60) ** 2 == pytest.approx(1, abs=0.01)


def test_samples_of_a_mixture_cannot_be_told_from_the_truth(plane):
    """By the energy distance, whose distribution between equals is that over relabellings (Székely and Rizzo
    2004); it does tell what is shifted by a third of the data's spread."""
    drawn = plane.sample(500, seed=1).data[..., 0].numpy()
    truth = mixture(500, 10_001)[..., 0].numpy()
    assert p_value(drawn, truth) > 0.05
    assert p_value(drawn + truth.std() / 3, truth) < 0.01
    assert p_value(mixture(500, 10_002)[..., 0].numpy(), truth) > 0.05


def p_value(a: np.ndarray, b: np.ndarray, relabellings: int = 300) -> float:
    apart = cdist(*[np.concatenate((a, b))] * 2)
    rng = np.random.default_rng(0)

    def energy(signs: np.ndarray) -> float:
        return float(-signs @ apart @ signs)

    signs = np.repeat([1.0, -1.0], [len(a), len(b)])
    others = [energy(rng.permutation(signs)) for _ in range(relabellings)]
    return (1 + sum(other >= energy(signs) for other in others)) / (1 + relabellings)


def test_the_likelihood_is_that_of_the_mixture(plane):
    """Nearly: its mean over data is less by the divergence between the two, small and not negative."""
    points = mixture(800, 20_000)[..., 0]
    log_length = math.log(2)  # of [-1, 1] beside [0, 1], an axis
    model = plane.log_density(points * 2 - 1) + 2 * log_length
    apart = (points[:, None] - CENTRES).square().sum(2) / WIDTH**2
    truth = torch.logsumexp(-0.5 * apart + torch.tensor([0.5, 0.25, 0.25]).log(), 1) - math.log(
        2 * math.pi * WIDTH**2
    )
    assert -0.01 < (truth - model).mean().item() < 0.1


@pytest.mark.parametrize("point", [(-0.3, -0.3), (0.0, 0.1), (0.6, -0.5), (0.0, 0.5)])
def test_the_likelihood_is_what_scipy_finds_with_the_same_network(plane, point):
    def velocity(x: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        return plane.network(x.view(1, 2, 1), at.view(1)).flatten()

    def field(at: float, y: np.ndarray) -> np.ndarray:
        x, time = torch.tensor(y[:2], dtype=torch.float64), torch.tensor(at, dtype=torch.float64)
        slopes = torch.autograd.functional.jacobian(lambda place: velocity(place, time), x)
        return np.append(velocity(x, time).detach().numpy(), slopes.trace().item())

    plane.double()
    try:
        end = solve_ivp(field, (1, 0), [*point, 0.0], method="DOP853", rtol=1e-8, atol=1e-8).y[:, -1]
    finally:
        plane.float()
    wanted = -0.5 * (end[:2] ** 2).sum() - math.log(2 * math.pi) + end[2]
    assert plane.log_density(torch.tensor([point])).item() == pytest.approx(wanted, abs=1e-3)


def test_answers_to_a_noisy_point_are_draws_of_its_posterior(plane):
    """Between two of the Gaussians: both remain, each where what was seen draws it, and as narrow.

    Their proportions are right about: on the way the likelihood of what was seen is taken for normal, which
    with the exact velocity of this mixture is off by 0.05, and this small network adds an error of its own.
    """
    scale, seen = 0.15, torch.tensor([0.52, 0.4])
    spread = WIDTH**2 + scale**2  # of what is seen around a centre
    shares = (
        torch.tensor([0.5, 0.25, 0.25]).log() - 0.5 * (seen - CENTRES).square().sum(1) / spread
    ).softmax(0)
    means = CENTRES + WIDTH**2 / spread * (seen - CENTRES)

    rows = range(600)
    measured = seen[:, None].expand(len(rows), 2, 1)
    first, other = (
        verbs.complete(plane, WhiteNoise(scale=scale), measured, Batch(measured, rows), seed=seed)[..., 0]
        for seed in (0, 1)
    )
    assert not torch.equal(first, other)
    nearest = (first[:, None] - means).square().sum(2).argmin(1)
    found = torch.bincount(nearest, minlength=3) / len(rows)
    assert (found - shares).abs().max() < 0.15
    deviation = (1 / (1 / WIDTH**2 + 1 / scale**2)) ** 0.5
    for mode in (0, 1):
        own = first[nearest == mode]
        assert (own.mean(0) - means[mode]).abs().max() < 0.02
        assert (own.std(0) - deviation).abs().max() < 0.012


# ---------------------------------------------------------------------- likelihoods of levels


def test_probabilities_of_all_levels_sum_to_what_the_density_holds_of_their_intervals(plane):
    """So the bound becomes the probability itself with many points of each interval, and no more than it."""
    spec = ArraySpec(2, (1,), 6)
    coarse = Flow(spec, network="transformer", width=32, blocks=2, heads=1).eval()
    coarse.load_state_dict(plane.state_dict())
    side = torch.arange(6) / 5
    every = torch.stack(torch.meshgrid(side, side, indexing="ij"), dim=2).view(-1, 2, 1)
    batch = Batch(every, range(36))
    single, many = (
        coarse.log_likelihood(batch, Noise(0, batch.rows), importance_samples=k).exp().sum().item()
        for k in (1, 40)
    )
    assert many == pytest.approx(1, abs=0.04)  # hardly anything of the mixture is outside the square
    assert single < many
    assert coarse.likelihood_kind().tightens


def test_an_estimated_trace_is_right_on_average_and_can_not_be_tightened():
    torch.manual_seed(0)
    model = Flow(ArraySpec(1, (4, 4), 4), network="transformer", width=16, blocks=1, patch=2).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    rows = 3_000
    point = torch.rand(16) * 2 - 1
    exact = model.log_density(point[None]).item()
    probes = Noise(3, range(rows)).uniform("probe", 16)
    found = model.log_density(point.expand(rows, -1), probe=probes)
    assert abs(found.mean().item() - exact) < 4 * found.std().item() / rows**0.5
    assert found.std() > 0.01
    wide = Flow(DIGITS, width=8)
    assert wide.likelihood_kind().fixed
    assert wide.likelihood_kind().of == "probability"
    assert Flow(DIGITS, width=8, dequantise=False).likelihood_kind().absent


@pytest.mark.parametrize("levels", [2, 17, 256, 65_536])
def test_every_point_of_an_interval_is_of_its_level(levels):
    continuum = Continuum(levels)
    unit = torch.arange(min(levels, 300)) / (levels - 1)
    for share in (0.01, 0.5, 0.99):
        points = continuum.points(unit, torch.full_like(unit, share))
        assert torch.allclose(continuum.levels_at(points), unit, atol=1e-6)
        assert bool(((points >= -1) & (points <= 1)).all())
    assert torch.allclose(continuum.data(continuum.points(unit)), unit, atol=1e-6)
    step = (continuum.points(unit, 0.0)[1] - continuum.points(unit, 0.0)[0]).item()
    assert continuum.log_length() == pytest.approx(math.log(step), abs=1e-2)


# ---------------------------------------------------------------------- what it makes of noise


def bent() -> Flow:
    """A network that has not learnt, but moves."""
    torch.manual_seed(1)
    model = Flow(DIGITS, width=8, patch=2, conditional=True).eval()
    for parameter in model.network.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return model


def test_what_is_encoded_comes_back():
    model = bent()
    data = torch.randint(0, 17, (4, 1, 8, 8), generator=torch.Generator().manual_seed(0)) / 16
    labels = torch.tensor([0, 3, 5, 9])
    with torch.no_grad():
        latent = model.encode(data, labels)
        assert (latent.view_as(data) - model.continuum.points(data)).abs().max() > 0.1
        assert (model.decode(latent, labels) - data).abs().max() < 1 / 32
        assert (model.decode(latent, labels.flip(0)) - data).abs().max() > 1 / 32


@pytest.mark.parametrize("options", [{"steps": 200}, {"solver": "euler", "steps": 1_000}])
def test_all_solvers_lead_to_the_same_sample(options):
    exact = bent().sample(2, seed=2, solver="rk45", tolerance=1e-5, label="4").data
    other = bent().sample(2, seed=2, label="4", **options).data
    assert (exact - other).abs().gt(1 / 32).float().mean() < 0.02  # a level apart where a border is near


def test_guidance_goes_on_from_no_label_past_the_label():
    model = bent()
    x, at = torch.randn(4, 64), torch.full((4,), 0.5)
    labels, none = torch.tensor([1, 2, 3, 4]), torch.full((4,), 10)
    with torch.no_grad():
        given, free = (model.network(x.view(-1, 1, 8, 8), at, each).flatten(1) for each in (labels, none))
        found = model._velocity(labels, 3.0)(x, at)
    torch.testing.assert_close(found, given + 2 * (given - free))
    assert (given - free).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "steps takes an integer from 1 to 10000, not 0"),
        ({"guidance": 1e6}, "guidance takes a number from 0 to 20"),
        ({"solver": "rk45", "steps": 5}, "steps=5 does nothing with solver=rk45"),
        ({"tolerance": 1e-3}, "tolerance=0.001 does nothing with solver=heun"),
        ({"solver": "rk4"}, "solver=rk4 is none of euler, heun, rk45"),
        ({"label": "11"}, "label=11"),
    ],
)
def test_options_that_do_nothing_or_harm_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        bent().sample(1, **options)


def test_guidance_needs_a_model_that_has_learnt_without_labels():
    with pytest.raises(ConfigError, match="guidance=2 needs a model"):
        Flow(DIGITS, width=8, conditional=True, label_dropout=0.0).sample(1, guidance=2)
    with pytest.raises(ConfigError, match="no sampling option 'guidance'"):
        Flow(DIGITS, width=8).sample(1, guidance=2)


# ---------------------------------------------------------------------- training


def test_times_fill_the_unit_evenly_whichever_rows_they_are_of():
    model = bent()
    whole = model._times(StepNoise(0, range(64), step=3))
    parts = [model._times(StepNoise(0, range(i, i + 16), step=3)) for i in range(0, 64, 16)]
    assert torch.equal(torch.cat(parts), whole)
    gaps = whole.sort().values.diff()
    assert gaps.max() < 3 / 64
    assert not torch.equal(model._times(StepNoise(0, range(64), step=4)), whole)
    middle = Flow(DIGITS, width=8, times="logit_normal")._times(StepNoise(0, range(999), step=3))
    assert middle.median().item() == pytest.approx(0.5, abs=0.01)
    assert ((middle > 0.269) & (middle < 0.731)).float().mean().item() == pytest.approx(0.683, abs=0.02)


def test_matched_noise_is_the_nearest_order_of_all():
    from itertools import permutations

    generator = torch.Generator().manual_seed(0)
    noise, data = (torch.randn(8, 3, generator=generator) for _ in range(2))
    found = matched(noise, data, 4)
    for group in (slice(0, 4), slice(4, 8)):
        costs = [
            (noise[group][list(order)] - data[group]).square().sum().item()
            for order in permutations(range(4))
        ]
        assert (found[group] - data[group]).square().sum().item() == pytest.approx(min(costs))


def test_a_batch_that_cannot_be_cut_into_groups_is_refused():
    model = Flow(DIGITS, width=8, coupling=4)
    batch = Batch(torch.rand(6, 1, 8, 8), range(6))
    with pytest.raises(ConfigError, match=r"model.coupling=4 does not divide the 6 examples"):
        model.phases()[0].loss(batch, StepNoise(0, range(6), step=0))


def test_a_learnt_weight_is_the_loss_that_is_expected_at_a_time():
    """Of a network that stays at 0, E|x - ε|² changes with nothing; e^u comes to it."""
    torch.manual_seed(0)
    model = Flow(DIGITS, width=8)
    assert model.weights_of_times is not None
    optimizer = torch.optim.Adam(model.weights_of_times.parameters(), lr=0.03)
    data = torch.full((64, 1, 8, 8), 0.5)
    for step in range(150):
        noise = StepNoise(0, range(64), step=step)
        total = model._loss(Batch(data, range(64)), noise).total
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    expected = model.weights_of_times(torch.linspace(0.1, 0.9, 9)).exp()
    assert expected.mean().item() == pytest.approx(1 + (2 / 17) ** 2 / 12, rel=0.05)
