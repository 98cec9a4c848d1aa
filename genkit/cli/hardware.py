"""Devices: those that this machine certainly lacks, told without importing torch, which has the last word."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from genkit.config.settings import TrainerKnobs
from genkit.system.errors import ConfigError

# NVIDIA's driver, the same under WSL and on Jetson boards, AMD's.
GPU_NODES = ("nvidia*", "dxg", "nvhost*", "kfd")


def check_device(key: str, word: str, instead: str) -> None:
    """Refuse a GPU where there is no sign of one.

    Args:
        key, word: as typed, for the message; words other than gpu, cuda and mps are not looked at.
        instead: what to type.

    Raises:
        ConfigError: there is none.
    """
    kind = word.partition(":")[0]
    if kind in ("gpu", "cuda") and not _may_have_gpu():
        raise ConfigError(f"{key}={word}: this machine shows no GPU; choose {instead}.")
    if kind == "mps" and (sys.platform, platform.machine()) != ("darwin", "arm64"):
        raise ConfigError(f"{key}=mps: this is no Apple machine with a GPU; choose {instead}.")


def torch_device(word: str) -> str:
    """torch's name of a device, on which float32 is float32 from now on.

    Raises:
        ConfigError: this machine has no such device.
    """
    import torch

    from genkit.system.processor import compute_float32

    compute_float32("highest")
    name = word.replace("gpu", "cuda")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.startswith("cuda") and int(name.partition(":")[2] or 0) >= torch.cuda.device_count():
        have = torch.cuda.device_count()
        raise ConfigError(f"device={word}: this machine has {have} CUDA GPUs; try device=auto.")
    if name == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device=mps: this machine has no Apple GPU; try device=auto.")
    return name


def check_cores(trainer: TrainerKnobs) -> None:
    """Refuse more processes on a CPU than it has cores; two, to try them out, are always allowed.

    Args:
        trainer: the group `trainer`.

    Raises:
        ConfigError: there are more; how many may be asked for is said.
    """
    on_cpu = trainer.accelerator == "cpu" or (trainer.accelerator == "auto" and not _may_have_gpu())
    most = max(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if on_cpu and trainer.devices > most:
        raise ConfigError(
            f"trainer.devices={trainer.devices}: that many processes would share the cores of this"
            f" machine; give at most {most}."
        )


def _may_have_gpu() -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return sys.platform != "linux" or any(any(Path("/dev").glob(node)) for node in GPU_NODES)
