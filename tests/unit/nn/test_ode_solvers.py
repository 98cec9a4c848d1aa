"""Solvers of differential equations, against scipy's and against solutions in closed form."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from genkit.nn.densities import divergence, flow_log_density
from genkit.nn.ode_solvers import DormandPrince, Euler, Heun, StiffError


def pendulum(state, at):
    """Swings that are pushed, and what has been swept so far; rows differ in nothing but their place."""
    (place,) = state
    angle, speed = place[:, 0], place[:, 1]
    return (torch.stack((speed, -4 * angle.sin() + (3 * at).cos()), dim=1),)


def by_scipy(row, start, end):
    def field(at, y):
        return [y[1], -4 * math.sin(y[0]) + math.cos(3 * at)]

    return solve_ivp(field, (start, end), row.numpy(), method="DOP853", rtol=1e-11, atol=1e-11).y[:, -1]


BEGUN = torch.tensor([[0.1, 0.0], [3.0, 0.2], [-1.0, 2.0]], dtype=torch.float64)


@pytest.mark.parametrize(("start", "end"), [(0.0, 3.0), (3.0, 0.0)])
def test_chosen_steps_end_where_scipy_does_in_either_direction(start, end):
    (found,) = DormandPrince(1e-8).solve(pendulum, (BEGUN,), start, end)
    wanted = np.stack([by_scipy(row, start, end) for row in BEGUN])
    assert np.abs(found.numpy() - wanted).max() < 1e-6


def test_a_looser_tolerance_takes_fewer_evaluations_and_errs_more():
    wanted = np.stack([by_scipy(row, 0.0, 3.0) for row in BEGUN])
    errors, evaluations = [], []
    for tolerance in (1e-3, 1e-5, 1e-7):
        count = []

        def counted(state, at, count=count):
            count.append(1)
            return pendulum(state, at)

        (found,) = DormandPrince(tolerance).solve(counted, (BEGUN,), 0.0, 3.0)
        errors.append(np.abs(found.numpy() - wanted).max())
        evaluations.append(len(count))
    assert errors[0] > 5 * errors[1] > 25 * errors[2]
    assert evaluations[0] < evaluations[1] < evaluations[2]


@pytest.mark.parametrize(("solver", "order"), [(Euler, 1), (Heun, 2)])
def test_equal_steps_have_the_order_of_their_method(solver, order):
    wanted = np.stack([by_scipy(row, 0.0, 2.0) for row in BEGUN])
    errors = [
        np.abs(solver(steps).solve(pendulum, (BEGUN,), 0.0, 2.0)[0].numpy() - wanted).max()
        for steps in (400, 800)
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("solver", [Euler(7), Heun(7), DormandPrince(1e-4)])
def test_a_row_does_not_depend_on_those_beside_it(solver):
    (together,) = solver.solve(pendulum, (BEGUN,), 0.0, 3.0)
    for row in range(len(BEGUN)):
        (alone,) = solver.solve(pendulum, (BEGUN[row : row + 1],), 0.0, 3.0)
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=1e-12)


def test_several_tensors_move_together_each_with_its_own_error():
    """A slow one of many entries does not hide the error of a fast one of a single."""

    def field(state, at):
        return torch.zeros_like(state[0]), (20 * at).cos() * 20

    slow, fast = DormandPrince(1e-6).solve(field, (torch.ones(2, 10_000), torch.zeros(2)), 0.0, 1.0)
    assert torch.equal(slow, torch.ones(2, 10_000))
    assert fast.tolist() == pytest.approx([math.sin(20)] * 2, abs=1e-4)


def test_what_cannot_be_followed_is_said():
    with pytest.raises(StiffError, match="a tolerance of 1e-06 takes more than"):
        DormandPrince(1e-6).solve(lambda s, t: (s[0].square(),), (torch.ones(1, 1),), 0.0, 2.0)  # ∞ at 1


def swirl(x, at):
    """A velocity in three dimensions with a trace that changes from place to place."""
    return torch.stack((x[:, 1] * at + x[:, 0].sin(), -x[:, 0] + x[:, 1] ** 2 / 4, x[:, 2] * x[:, 0] / 3), 1)


def test_a_density_changes_as_scipy_says_it_does():
    x = torch.tensor([[0.3, -0.2, 0.5], [-1.0, 0.4, 0.1]], dtype=torch.float64)
    found = flow_log_density(swirl, x, DormandPrince(1e-9))

    def field(at, y):  # the trace in closed form
        a, b, c = y[:3]
        trace = math.cos(a) + b / 2 + a / 3
        return [b * at + math.sin(a), -a + b**2 / 4, c * a / 3, trace]

    for row, value in zip(x.numpy(), found.tolist(), strict=True):
        end = solve_ivp(field, (1, 0), [*row, 0], method="DOP853", rtol=1e-11, atol=1e-11).y[:, -1]
        wanted = -0.5 * (end[:3] ** 2).sum() - 1.5 * math.log(2 * math.pi) + end[3]
        assert value == pytest.approx(wanted, abs=1e-6)


def test_a_probe_tells_the_trace_on_average():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, generator=generator, dtype=torch.float64).expand(20_000, 3)
    at = torch.full((len(x),), 0.7, dtype=torch.float64)
    probe = torch.randint(0, 2, x.shape, generator=generator) * 2.0 - 1
    estimates = divergence(swirl, x, at, probe.double())[1]
    exact = divergence(swirl, x[:1], at[:1], None)[1].item()
    assert abs(estimates.mean().item() - exact) < 4 * estimates.std().item() / len(x) ** 0.5
