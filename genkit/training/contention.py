"""Threads of a training beside other work: they wait for each other, and one alone may be faster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from genkit.config.settings import TrainerKnobs
from genkit.system import terminal
from genkit.system.processor import busy_seconds, cores_allowed

console = terminal.console()

LEAST = 20.0  # seconds of training, below which a burst of other work is no rule
SHARE = 0.5  # of a core: what is always running somewhere


@dataclass(frozen=True)
class Moment:
    """A moment of a training, in seconds.

    Attributes:
        wall: by a clock that only goes on.
        own: that this process has computed on all of its threads.
        busy: that the cores it may use have been busy, whoever had them; None where the system does not tell.
    """

    wall: float
    own: float
    busy: float | None

    @classmethod
    def now(cls) -> Moment:
        return cls(time.monotonic(), time.process_time(), busy_seconds(cores_allowed()))


def remark(begun: Moment, ended: Moment, threads: int, cores: int) -> str | None:
    """What to say of a training on several threads that other work kept from their cores; None: nothing.

    Threads share each operation and wait for the last of them: where one lacks a core, all of them wait.

    Args:
        threads: on which it computed.
        cores: that it may use.
    """
    wall = ended.wall - begun.wall
    if threads < 2 or wall < LEAST or begun.busy is None or ended.busy is None:
        return None
    others = (ended.busy - begun.busy - (ended.own - begun.own)) / wall  # cores
    free = cores - others
    if free >= threads - SHARE:
        return None
    return (
        f"other work kept {max(0.0, others):.1f} of {cores} cores busy while {threads} threads trained, which"
        f" wait for one another: trainer.threads={max(1, int(free + SHARE))} may be faster."
    )


@contextmanager
def told() -> Iterator[None]:
    """Within the context a training computes; afterwards it is said if other work kept it from its cores."""
    begun = Moment.now()
    yield
    if line := remark(begun, Moment.now(), torch.get_num_threads(), len(cores_allowed())):
        console.print(f"note: {line}")


def watches(trainer: TrainerKnobs, device: torch.device) -> bool:
    """Whether a training computes on threads of one process that nobody has counted."""
    return device.type == "cpu" and trainer.threads is None and trainer.processes == 1
