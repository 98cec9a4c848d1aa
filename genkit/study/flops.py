"""A budget in operations, counted alike for every family: how many steps it pays for."""

from __future__ import annotations

from collections.abc import Mapping

from genkit.study.arms import FirstStage
from genkit.study.stages import Stages
from genkit.system.errors import ConfigError


def steps_within(
    stages: Stages, first: FirstStage | None, flops: float, paths: Mapping[str, str]
) -> tuple[int, int]:
    """Whole training steps of an arm's codec, 0 without one, and of its run that together cost at most so
    many operations, all phases and optimisers included.

    Raises:
        ConfigError: not one step of either does.
    """
    spent, steps = 0.0, 0
    if stages.codec is not None and first is not None:
        own, _ = first.divided(flops, "FLOP")
        a_step = _cost(Stages(stages.codec), paths)
        steps = _whole(own, a_step, " of its codec")
        spent = steps * a_step
    return steps, _whole(flops - spent, _cost(stages, paths), " of what learns its codes" if first else "")


def _cost(stages: Stages, paths: Mapping[str, str]) -> float:
    """What a training step costs."""
    from genkit.evaluation.step_costs import flops_per_step
    from genkit.inference.models import build_module

    dataset, cfg = stages.dataset(paths), stages.run
    module = build_module(cfg.model, dataset.spec)
    return flops_per_step(module, dataset.split("train"), cfg.batch_size, cfg.plain["optim"])


def _whole(flops: float, a_step: float, whose: str) -> int:
    """
    Raises:
        ConfigError: there is none.
    """
    if a_step > flops:
        raise ConfigError(
            f"a step{whose} takes {a_step:.3g} FLOP, the budget is {flops:.3g}; give at least a step."
        )
    return int(flops // a_step)
