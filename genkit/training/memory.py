"""What a training takes of its device's memory: estimates, made before any of it is taken."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from genkit.config import Config
from genkit.config.optim_knobs import OptimKnobs
from genkit.config.settings import TrainerKnobs
from genkit.core import size_limit
from genkit.core.footprint import peak_bytes
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.spec import Spec
from genkit.data.loading import DataModule
from genkit.inference.models import build_module
from genkit.system.errors import ConfigError
from genkit.training.step_memory import step_memory

VALIDATED = 1 << 30  # bytes that a validation batch may take, unless its size is given
CGROUP = Path("/sys/fs/cgroup/memory.max")


def check_fits(cfg: Config, spec: Spec) -> float | None:
    """Build the model without its numbers, and refuse one whose training could not be held.

    Returns:
        About how many bytes the training needs in float32; None where nobody can tell.

    Raises:
        ConfigError: with what is needed, what there is, and what would help.
    """
    have = _of_device(cfg.trainer)
    made: list[GenerativeModule] = []
    try:
        # Views and results of operations are counted too: four times what fits is generous.
        size_limit.check_size(lambda: made.append(build_module(cfg.model, spec)), have)
    except size_limit.TooLarge:
        raise ConfigError(
            f"model={cfg.model.family}: its parameters alone take more than the {have / 1e9:,.1f} GB of"
            " this machine; choose smaller sizes."
        ) from None
    except ConfigError:
        raise
    except Exception:  # what cannot be built without its numbers is built with them, and says what is wrong
        return None
    pieces = cfg.trainer.accumulate * cfg.trainer.processes
    micro = max(1, cfg.batch_size // pieces)
    held, step = held_bytes(made[0], cfg.optim), step_memory(made[0], micro)
    needed = held + (step.of(micro) if step else 0)
    if needed > have:
        said = f"about {needed / 1e9:,.1f} GB are needed, and there are {have / 1e9:,.1f} GB: most is"
        most = step.most(have - held) if step else 0
        if not most or held > needed / 2:
            raise ConfigError(f"{said} the model's; choose smaller sizes.")
        raise ConfigError(
            f"{said} kept of batch_size={cfg.batch_size} examples for their gradient; lower it to"
            f" {most * pieces}, raise trainer.accumulate, or make the examples smaller (data.size,"
            " model.block_size)."
        )
    return needed if step else None


def validation_batch(cfg: Config, module: GenerativeModule, data: DataModule, world: int) -> int:
    """Examples of a validation batch of each process: as asked, or what fits into `VALIDATED` bytes, from as
    many as a micro-batch of the training has, which needs more memory for each."""
    if asked := cfg.trainer.val_batch_size:
        return asked
    share = cfg.batch_size // world
    wanted, least = max(share, 128), max(1, share // cfg.trainer.accumulate)
    scoring = module.costs().get("scoring") or _scoring(module, data)
    return int(max(least, min(wanted, VALIDATED // max(1, scoring))))


def _scoring(module: GenerativeModule, data: DataModule) -> int:
    """Bytes that scoring one example takes at once."""
    gather, training = data.gather("validation"), module.training
    batch = module.prepare(gather(np.arange(1), range(1)).to(module.device))
    noise = Noise(0, batch.rows, purpose="validation", device=module.device)
    module.eval()
    with torch.no_grad():
        taken = peak_bytes(lambda: module.score_batch(batch, noise))
    module.train(training)
    return taken


def held_bytes(module: GenerativeModule, optim: OptimKnobs) -> int:
    """Of a module's weights, and of the moments and the average of those that are trained, in float32."""
    parameters, trained = sizes(module)
    return 4 * (parameters + (2 + bool(optim.ema)) * trained)


def sizes(module: GenerativeModule) -> tuple[int, int]:
    """Parameters, and how many of them are trained."""
    trained = sum(p.numel() for phase in module.phases() for p in phase.parameters)
    return sum(p.numel() for p in module.parameters()), trained


def _of_device(trainer: TrainerKnobs) -> int:
    """Bytes of memory of the device that trains."""
    if trainer.accelerator in ("auto", "gpu") and torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    return of_machine()


def of_machine() -> int:
    """Bytes of memory that this process may have: the machine's, or its container's."""
    have = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(have, int(CGROUP.read_text()))
    except (OSError, ValueError):  # no such file, or "max"
        return have
