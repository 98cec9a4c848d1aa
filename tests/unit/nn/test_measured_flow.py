"""Draws given a measurement, against posteriors in closed form."""

import math

import pytest
import torch

from genkit.nn.measured_flow import Measurement, conjugate_gradients, drawn_given, given_velocity

N, DRAWS, STEPS = 8, 4_000, 32


def gaussian(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance of correlated numbers of unequal spread."""
    generator = torch.Generator().manual_seed(seed)
    roots = torch.randn(N, N, generator=generator, dtype=torch.float64) * 0.5
    mean = 0.3 * torch.randn(N, generator=generator, dtype=torch.float64)
    return mean, 0.15 * roots @ roots.T + 0.02 * torch.eye(N, dtype=torch.float64)


def velocity_of(mean, covariance):
    """E[x - ε | x_t], exactly: what a perfect network of Gaussian data would say."""

    def velocity(x, at):
        t = at[0]
        spread = (1 - t) ** 2 * torch.eye(N, dtype=x.dtype) + t**2 * covariance
        white = torch.linalg.solve(spread, (x - t * mean).T).T
        return mean + t * white @ covariance - (1 - t) * white

    return velocity


ROWS = {
    "some numbers": torch.eye(N, dtype=torch.float64)[[0, 3, 4]],
    "means of pairs": torch.eye(N, dtype=torch.float64).view(N // 2, 2, N).mean(1),
    "all": torch.eye(N, dtype=torch.float64),
}


@pytest.mark.parametrize("what", list(ROWS))
@pytest.mark.parametrize("scale", [0.05, 0.3])
def test_answers_are_draws_of_a_gaussian_posterior(what, scale):
    mean, covariance = gaussian(1)
    rows, generator = ROWS[what], torch.Generator().manual_seed(2)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    truth = mean + normal(N) @ torch.linalg.cholesky(covariance).T
    value = rows @ truth + scale * normal(len(rows))
    # The textbook's posterior (Bishop 2006, equations 2.116 and 2.117).
    precision = torch.linalg.inv(covariance) + rows.T @ rows / scale**2
    wanted_covariance = torch.linalg.inv(precision)
    wanted = wanted_covariance @ (torch.linalg.solve(covariance, mean) + rows.T @ value / scale**2)

    known = Measurement(lambda x: x @ rows.T, value.expand(DRAWS, -1), scale)
    drawn = drawn_given(
        velocity_of(mean, covariance), known, normal(DRAWS, N), lambda step: normal(DRAWS, N), STEPS
    )
    deviations = wanted_covariance.diagonal().sqrt()
    assert ((drawn.mean(0) - wanted) / deviations).abs().max() < 5 / DRAWS**0.5 + 0.05
    found = torch.cov(drawn.T)
    assert (found - wanted_covariance).norm() < 0.12 * wanted_covariance.norm()
    assert (found.diagonal().sqrt() / deviations - 1).abs().max() < 0.12


def test_what_nobody_measured_stays_as_it_was():
    """A measurement of no weight leaves the flow's own velocity."""
    mean, covariance = gaussian(3)
    velocity, x = velocity_of(mean, covariance), torch.randn(5, N, dtype=torch.float64)
    known = Measurement(lambda x: x[:, :2], torch.zeros(5, 2, dtype=torch.float64), 1e6)
    plain = velocity(x, torch.full((5,), 0.4, dtype=torch.float64))
    torch.testing.assert_close(given_velocity(velocity, known, x, 0.4), plain)


def test_each_row_is_solved_by_itself():
    generator = torch.Generator().manual_seed(0)
    roots = torch.randn(3, 4, 4, generator=generator, dtype=torch.float64)
    matrices = 0.05 * roots @ roots.transpose(1, 2) + torch.eye(4, dtype=torch.float64)
    b = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    found = conjugate_gradients(lambda w: torch.einsum("bij,bj->bi", matrices, w), b)
    torch.testing.assert_close(found, torch.linalg.solve(matrices, b), rtol=1e-8, atol=1e-8)
    bent = conjugate_gradients(lambda w: torch.einsum("bij,bj->bi", -matrices, w), b)
    assert torch.equal(bent, torch.zeros_like(b))


def test_the_modes_of_a_mixture_keep_their_weights_about():
    """Two far modes in the plane, one number seen with much noise: both remain, as often as they should."""
    centres = torch.tensor([[-0.6, -0.5], [0.6, 0.5]], dtype=torch.float64)
    small = 0.15

    def velocity(x, at):
        t = at[:, None]
        spread = (1 - t) ** 2 + t**2 * small**2
        apart = x[:, None] - t[:, None] * centres  # (B, 2, 2)
        share = (-0.5 * apart.square().sum(2) / spread).softmax(1)[..., None]
        means = centres + t[:, None] * small**2 / spread[:, None] * apart
        noise = (1 - t[:, None]) / spread[:, None] * apart
        return (share * (means - noise)).sum(1)

    generator = torch.Generator().manual_seed(0)

    def normal(*_):
        return torch.randn(DRAWS, 2, generator=generator, dtype=torch.float64)

    value, scale = 0.1, 0.6
    known = Measurement(lambda x: x[:, :1], torch.full((DRAWS, 1), value, dtype=torch.float64), scale)
    drawn = drawn_given(velocity, known, normal(), normal, STEPS)
    weights = [math.exp(-0.5 * (value - c) ** 2 / (scale**2 + small**2)) for c in (-0.6, 0.6)]
    share = (drawn[:, 1] > 0).double().mean().item()
    assert share == pytest.approx(weights[1] / sum(weights), abs=0.1)
