"""What a step takes of a device by its operations, and what to train instead where that is too much."""

from __future__ import annotations

import torch

from genkit.config import Config
from genkit.core.knobs import DataKnobs, ModelKnobs
from genkit.core.module import GenerativeModule
from genkit.core.spec import Spec
from genkit.system.progress import duration

# Operations a second in float32 that hardware hardly exceeds: of a processor's core, of a whole GPU.
OF_A_CORE, OF_A_GPU = 150e9, 60e12
SLOW = 1.0  # seconds: a step for which nobody waits thousands of times who was not told


def remarks(cfg: Config, module: GenerativeModule, device: torch.device, steps: int | None) -> list[str]:
    """What to say before a training whose steps take this device long; mostly nothing.

    Args:
        steps: that are left; None: as many as fit into a time.
    """
    flops = module.costs().get("flops", 0) * cfg.batch_size / cfg.trainer.processes
    seconds = least_seconds(flops, device.type, torch.get_num_threads())
    if seconds < SLOW:
        return []
    whole = "" if steps is None else f", {steps:,} of them {duration(seconds * steps)}"
    return [
        f"a step takes at least {duration(seconds)} here{whole}. {advice(cfg.data, cfg.model, module.spec)}"
    ]


def least_seconds(flops: float, device: str, threads: int) -> float:
    """What operations take at the very least; 0 on a device of which nothing is known.

    Args:
        device: torch's name of its kind.
        threads: that compute on a processor.
    """
    fastest = {"cpu": max(1, threads) * OF_A_CORE, "cuda": OF_A_GPU}.get(device)
    return 0.0 if fastest is None else flops / fastest


def advice(data: DataKnobs, model: ModelKnobs, spec: Spec) -> str:
    """What would make a step cheaper, by the knobs that these data and this model have."""
    less = "a smaller batch_size or model"
    if spec.kind != "tokens" or spec.array is None or spec.learned_codec is not None:
        shorter = ", or a shorter model.block_size," if hasattr(model, "block_size") else ""
        return f"Cheaper: {less}{shorter}."
    ways = {
        "size": "smaller ones by data.size=",
        "patch": "several values a token by data.levels= with data.patch=",
        "codec": "the codes of a learnt codec by data.codec=RUN",
    }
    known = [way for knob, way in ways.items() if hasattr(data, knob)]
    told = f"{spec.medium.one} is {spec.context:,} tokens".capitalize()
    return f"{told}; cheaper: {', '.join([*known, less])}."
