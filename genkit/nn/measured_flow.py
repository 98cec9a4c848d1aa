"""Draws of what a flow makes, given a noisy linear measurement of it: x from p(x | y), y = A x + σ ε.

Along x_t = (1 - t) ε + t x the velocity given y is v(x_t, t) + (1 - t) / t · ∇ log p(y | x_t).  With the mean
m = x_t + (1 - t) v of p(x | x_t) and its covariance V = (1 - t)² / t · ∂m/∂x_t, both of which the flow knows
(Tweedie's formulae), p(y | x_t) is taken for N(A m, A V Aᵀ + σ²) (Rozet et al. 2024, moment matching; what
Pokle et al. 2024 do with a V that is the same for all data).  Of Gaussian data that is exact; of others it
becomes so as t comes to 1: where answers of several kinds are possible, each is drawn, but how often is off
by some hundredths, in favour of rare ones.  Going back by a little noise before each step lets later and
better steps undo what earlier ones missed (Karras et al. 2022, algorithm 2).

Legend: B rows, N numbers of each, M… what is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.nn.densities import Velocity

BEGIN = 0.02  # until there the measurement says next to nothing, and the covariance cannot be told
CHURN = 0.3  # by which share the noise of a place is raised before each step
SOLVES = 4  # iterations of conjugate gradients


@dataclass(frozen=True)
class Measurement:
    """What is known.

    Attributes:
        of: A and what it adds, (B, N) to (B, M…); affine.
        value: y, (B, M…).
        scale: σ.
    """

    of: Callable[[Tensor], Tensor]
    value: Tensor
    scale: float


def drawn_given(
    velocity: Velocity, known: Measurement, start: Tensor, fresh: Callable[[int], Tensor], steps: int
) -> Tensor:
    """A draw of each row, (B, N), by Heun's method.

    Args:
        start: N(0, I), (B, N).
        fresh: independent N(0, I) for a step, (B, N).
    """
    x = start + BEGIN * velocity(start, start.new_zeros(len(start)))
    for step in range(steps):  # the shorter, the less noise there is
        at, to = (1 - (1 - BEGIN) * (1 - number / steps) ** 2 for number in (step, step + 1))
        if step:
            x, at = _back(x, at, fresh(step))
        first = given_velocity(velocity, known, x, at)
        x_to = x + (to - at) * first
        if step < steps - 1:  # at 1 there is no noise left, and nothing to be told
            x_to = x + (to - at) * (first + given_velocity(velocity, known, x_to, to)) / 2
        x = x_to
    return x


def _back(x: Tensor, at: float, normal: Tensor) -> tuple[Tensor, float]:
    """A place with more noise, as likely there, and its time: x_t / t is x with noise of (1 - t) / t."""
    noise = (1 - at) / at
    more = (1 + CHURN) * noise
    time = 1 / (1 + more)
    return time * (x / at + (more**2 - noise**2) ** 0.5 * normal), time


def given_velocity(velocity: Velocity, known: Measurement, x: Tensor, at: float) -> Tensor:
    """The velocity at x (B, N) and a time above 0 and below 1, given what is measured of each row."""
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        moving = velocity(x, x.new_full((len(x),), at))
        seen = known.of(x + (1 - at) * moving)  # A m
    nothing = known.of(torch.zeros_like(x))

    def back(w: Tensor) -> Tensor:
        """(∂m/∂x)ᵀ Aᵀ w, (B, N)."""
        return torch.autograd.grad(seen, x, w, retain_graph=True)[0]

    def spread(w: Tensor) -> Tensor:
        """(A V Aᵀ + σ²) w; V is symmetric."""
        return (1 - at) ** 2 / at * (known.of(back(w)) - nothing) + known.scale**2 * w

    weights = conjugate_gradients(spread, known.value - seen.detach())
    return moving.detach() + (1 - at) / at * back(weights)


def conjugate_gradients(matrix: Callable[[Tensor], Tensor], b: Tensor) -> Tensor:
    """w with M w ≈ b for each row by itself, (B, M…) (Hestenes and Stiefel 1952).

    M is to be symmetric and positive; a row for which it turns out otherwise stays where it is.
    """
    found, left = torch.zeros_like(b), b
    way, size = left, _dot(left, left)
    for _ in range(SOLVES):
        changed = matrix(way)
        bent = _dot(way, changed)
        step = torch.where((bent > 0) & (size > 0), size / bent, 0.0).nan_to_num(0.0, 0.0, 0.0)
        found, left = found + step * way, left - step * changed
        now = _dot(left, left)
        way = left + torch.where(size > 0, now / size, 0.0).nan_to_num(0.0, 0.0, 0.0) * way
        size = now
    return found


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Of each row, (B, 1…)."""
    return (a * b).flatten(1).sum(1).view(-1, *[1] * (a.ndim - 1))
