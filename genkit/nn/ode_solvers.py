"""Solvers of dx/dt = f(x, t): Euler's and Heun's methods in equal steps, and a Runge-Kutta pair that chooses
its steps.

A state is one or several tensors of B rows that move together, and every row has a time of its own: where
steps are chosen they are chosen for each row by its own error, so that a row does not depend on those beside
it.  Time may run forwards or backwards.

Legend: B rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

State = tuple[Tensor, ...]  # (B, …) each
Field = Callable[[State, Tensor], State]  # places and times (B,) to velocities, shaped as the places

# Dormand and Prince 1980: nodes, weights of each stage, weights of the fifth order less those of the fourth.
NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
FIFTH = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
SAFETY, SHRINK, GROW = 0.9, 0.2, 10.0  # a step's length changes by factors between the last two
FIRST = 1 / 50  # of the way, the step that is tried first
MOST = 5_000  # steps that are tried


class StiffError(ArithmeticError):
    """A solution changes so fast that the steps would be too many."""


class Solver(ABC):
    """Follows a field from one time to another."""

    @abstractmethod
    def solve(self, field: Field, state: State, start: float, end: float) -> State:
        """The state at `end` of what is at `state` at `start`.

        Raises:
            StiffError: the steps that it chooses become too many.
        """


@dataclass(frozen=True)
class Euler(Solver):
    """Order one, one evaluation a step."""

    steps: int

    def solve(self, field: Field, state: State, start: float, end: float) -> State:
        step = (end - start) / self.steps
        for number in range(self.steps):
            at = _times(state, start + number * step)
            state = moved(state, at.new_full((), step), (1.0,), (field(state, at),))
        return state


@dataclass(frozen=True)
class Heun(Solver):
    """Order two, two evaluations a step: the mean of the velocities at both ends."""

    steps: int

    def solve(self, field: Field, state: State, start: float, end: float) -> State:
        step = (end - start) / self.steps
        for number in range(self.steps):
            at = _times(state, start + number * step)
            first = field(state, at)
            tried = moved(state, at.new_full((), step), (1.0,), (first,))
            second = field(tried, _times(state, start + (number + 1) * step))
            state = moved(state, at.new_full((), step), (0.5, 0.5), (first, second))
        return state


@dataclass(frozen=True)
class DormandPrince(Solver):
    """Order five, in steps whose error, told by a solution of order four, is as large as allowed (Dormand and
    Prince 1980; Hairer et al. 1993, II.4); six evaluations a step.

    Attributes:
        tolerance: error of a step, absolute and of the numbers themselves: the root of its mean square over
            the entries of a tensor, for the tensor of the state where it is largest.
    """

    tolerance: float = 1e-5

    def solve(self, field: Field, state: State, start: float, end: float) -> State:
        at = _times(state, start)
        step = torch.full_like(at, FIRST * (end - start))
        first = field(state, at)
        for _ in range(MOST):
            left = end - at
            if not bool((left != 0).any()):
                return state
            step = torch.where(step.abs() < left.abs(), step, left)  # rows that have arrived take none
            slopes = [first]
            for node, weights in zip(NODES[1:], STAGES[1:], strict=True):
                slopes.append(field(moved(state, step, weights, slopes), at + node * step))
            reached = moved(state, step, FIFTH, slopes)
            slopes.append(field(reached, at + step))
            wrong = self._errors(
                state, reached, moved(tuple(map(torch.zeros_like, state)), step, ERROR, slopes)
            )
            taken = (wrong <= 1) | (left == 0)
            factor = torch.where(wrong.isfinite(), SAFETY * wrong.clamp(min=1e-10) ** -0.2, SHRINK)
            at = torch.where(taken & (step == left), end, torch.where(taken, at + step, at))
            state, first = _where(taken, reached, state), _where(taken, slopes[-1], first)
            step = step * factor.clamp(SHRINK, GROW).where(taken, factor.clamp(SHRINK, 1.0))
        raise StiffError(f"a tolerance of {self.tolerance:g} takes more than {MOST:,} steps")

    def _errors(self, before: State, after: State, wrong: State) -> Tensor:
        """Of each row as a multiple of what is allowed, (B,); not a number where something is none."""
        parts = []
        for old, new, error in zip(before, after, wrong, strict=True):
            allowed = self.tolerance * (1 + torch.maximum(old.abs(), new.abs()))
            parts.append((error / allowed).view(len(error), -1).square().mean(1).sqrt())
        return torch.stack(parts).amax(0)


def moved(state: State, step: Tensor, weights: Sequence[float], slopes: Sequence[State]) -> State:
    """state + step · Σ weight · slope; a step for all rows or one each, (B,)."""
    found = []
    for index, place in enumerate(state):
        way = sum(weight * slope[index] for weight, slope in zip(weights, slopes, strict=True) if weight)
        found.append(place + _over(step, place) * way)
    return tuple(found)


def _times(state: State, at: float) -> Tensor:
    """One for each row, (B,), of the state's own kind."""
    return state[0].new_full((len(state[0]),), at)


def _over(rows: Tensor, like: Tensor) -> Tensor:
    """Numbers of rows, (B,), beside (B, …); a single number as it is."""
    return rows.view(-1, *[1] * (like.ndim - 1)) if rows.ndim else rows


def _where(rows: Tensor, yes: State, no: State) -> State:
    return tuple(torch.where(_over(rows, a), a, b) for a, b in zip(yes, no, strict=True))
