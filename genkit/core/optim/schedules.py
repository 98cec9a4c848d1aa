"""Learning-rate schedules by name: what the rates of a step are multiplied with."""

from __future__ import annotations

import math

from genkit.core.optim.optimisers import Settings
from genkit.system.errors import ConfigError, nearest

SCHEDULES = ("constant", "linear", "cosine", "wsd")


def schedule_factor(settings: Settings, step: int, total_steps: int | None, progress: float) -> float:
    """What the learning rates of this step are multiplied with.

    A linear warm-up over `warmup` steps, then `schedule` over the rest of the budget: `constant`; `linear`
    and `cosine`, which fall to `final` of the full rate at the end; `wsd` (warm-up, stable, decay: Hu et al.
    2024), which falls linearly to `final` during the last `cooldown` share of the budget.

    Args:
        step: from 0.
        total_steps: of the budget, where it can be told in steps.
        progress: the spent share of the budget, in [0, 1].
    """
    if step < settings["warmup"]:
        return float((step + 1) / (settings["warmup"] + 1))
    final, schedule = float(settings["final"]), settings["schedule"]
    warm = min(1.0, settings["warmup"] / total_steps) if total_steps else 0.0
    rest = (progress - warm) / (1.0 - warm) if progress < 1 else 1.0  # share of what follows the warm-up
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1.0 - (1.0 - final) * rest
    if schedule == "cosine":
        return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * rest))
    if schedule == "wsd":
        falling = max(0.0, 1.0 - (1.0 - progress) / float(settings["cooldown"]))
        return 1.0 - (1.0 - final) * falling
    raise ConfigError(f"optim.schedule={schedule} is not a schedule.{nearest(schedule, SCHEDULES)}")
