"""How a density changes along a flow: the instantaneous change of variables (Chen et al. 2018, theorem 1).

Along dx/dt = v(x, t) the logarithm of the density falls at the rate of the divergence of v.

Legend: B rows, N numbers of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genkit.nn.ode_solvers import Solver, State

Velocity = Callable[[Tensor, Tensor], Tensor]  # places (B, N) and times (B,) to velocities (B, N)


def flow_log_density(velocity: Velocity, x: Tensor, solver: Solver, probe: Tensor | None = None) -> Tensor:
    """log p(x) at time 1 of what a flow makes of N(0, I) at time 0, (B,).

    Args:
        x: (B, N).
        probe: of ±1, (B, N): the trace is estimated along it, so that the mean over probes is the answer
            (Hutchinson 1990; Grathwohl et al. 2019); None: it is computed, by N backward passes.
    """

    def field(state: State, at: Tensor) -> State:
        moving, slope = divergence(velocity, state[0], at, probe)
        return moving, slope

    noise, change = solver.solve(field, (x, x.new_zeros(len(x))), 1.0, 0.0)
    prior = -0.5 * (noise.square() + math.log(2 * math.pi)).sum(1)
    return prior + change


def divergence(velocity: Velocity, x: Tensor, at: Tensor, probe: Tensor | None) -> tuple[Tensor, Tensor]:
    """A velocity (B, N) and the trace of its Jacobian by x, (B,)."""
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        moving = velocity(x, at)
        if probe is not None:
            (along,) = torch.autograd.grad(moving, x, probe)
            return moving.detach(), (along * probe).sum(1)
        trace = torch.zeros_like(at)
        for entry in range(x.shape[1]):
            (slope,) = torch.autograd.grad(moving[:, entry].sum(), x, retain_graph=True)
            trace = trace + slope[:, entry]
    return moving.detach(), trace
