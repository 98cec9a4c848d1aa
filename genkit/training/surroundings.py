"""What a training sets and says of the process and the device that it gets."""

from __future__ import annotations

import logging
import os
import warnings

import torch

from genkit.config.settings import TrainerKnobs
from genkit.system import terminal
from genkit.system.errors import ConfigError
from genkit.system.process import LIGHTNING

console = terminal.console()


def check_arithmetic(trainer: TrainerKnobs, device: torch.device) -> None:
    """Refuse what a GPU would only emulate.

    Raises:
        ConfigError: bfloat16 on a GPU without it.
    """
    asked = device.type == "cuda" and trainer.precision == "bf16-mixed"
    if asked and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ConfigError(
            f"trainer.precision=bf16-mixed: {torch.cuda.get_device_name(device)} has no bfloat16;"
            " choose 16-mixed or 32-true."
        )


def say_arithmetic(trainer: TrainerKnobs, device: torch.device) -> None:
    """What a GPU would do faster, where nobody has asked for it."""
    if device.type == "cuda" and (trainer.precision, trainer.matmul) == ("32-true", "highest"):
        console.print(
            "note: float32 throughout; faster on a GPU: trainer.precision=bf16-mixed, or trainer.matmul=high"
            " (TF32 in products and convolutions)."
        )


def quieten_lightning() -> None:
    """Lightning's hints speak of its own options; what a user of ours must know, we say."""
    for name in LIGHTNING:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric")
    # Of kernels with a side of 1, whose strides are a matter of taste.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides", UserWarning)


def set_threads(trainer: TrainerKnobs) -> None:
    """Processes on one CPU share its cores."""
    threads = trainer.threads
    if threads is None and trainer.accelerator == "cpu" and trainer.devices > 1:
        threads = max(1, (os.cpu_count() or 1) // trainer.devices)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads and threads > cores:  # more would wait for one another
        console.print(f"note: trainer.threads={threads}: this machine has {cores} cores, so {cores} it is.")
        threads = cores
    if threads:
        torch.set_num_threads(int(threads))
