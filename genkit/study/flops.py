"""A budget in operations, counted alike for every family: how many steps it pays for."""

from __future__ import annotations

from genkit.config import Config
from genkit.system.errors import ConfigError


def steps_within(cfg: Config, flops: float) -> int:
    """Whole training steps that cost at most so many operations, all phases and optimisers together.

    Raises:
        ConfigError: not one step does.
    """
    from genkit.evaluation.costs import flops_per_step
    from genkit.inference.models import build_module
    from genkit.inference.run_data import open_data

    dataset = open_data(cfg, cfg.paths.by_name)
    module = build_module(cfg.model, dataset.spec)
    a_step = flops_per_step(module, dataset.split("train"), cfg.batch_size, cfg.plain["optim"])
    if a_step > flops:
        raise ConfigError(f"a step takes {a_step:.3g} FLOP, the budget is {flops:.3g}; give at least a step.")
    return int(flops // a_step)
