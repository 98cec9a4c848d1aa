"""Which GPUs a training takes beside others on this machine, found out without torch.

A library takes the first GPU that it sees, so trainings side by side would all share one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus(nodes: Path = Path("/dev")) -> list[str]:
    """NVIDIA's GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    named = os.environ.get(VISIBLE)
    if named is not None:
        listed = [name.strip() for name in named.split(",")]
        return list(itertools.takewhile(lambda name: name not in ("", "-1"), listed))
    return [
        str(i) for i, _ in enumerate(n for n in nodes.glob("nvidia*") if re.fullmatch(r"nvidia\d+", n.name))
    ]


@contextlib.contextmanager
def reserved_gpus(trainer: Mapping[str, Any], folder: Path, gpus: list[str]) -> Iterator[dict[str, str]]:
    """Within the context a training has GPUs that no other one has, where there are enough, else those that
    the fewest others have.

    Args:
        trainer: the group `trainer` of its configuration.
        folder: of the locks by which processes agree; it is made.
        gpus: what there is to choose from.

    Yields:
        The environment that makes the choice for the training; empty where there is none.
    """
    needed = int(trainer["devices"])
    if trainer["accelerator"] not in ("auto", "gpu") or len(gpus) <= needed:
        yield {}
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = next(found for level in itertools.count() if (found := _taken(folder, gpus, needed, level)))
    except OSError:  # nowhere to agree
        yield {}
        return
    try:
        yield {VISIBLE: ",".join(taken)}
    finally:
        for lock in taken.values():
            lock.release()


def _taken(folder: Path, gpus: list[str], needed: int, level: int) -> dict[str, FileLock]:
    """Locks of as many GPUs as are needed, of those that are taken less than `level` + 1 times; else none."""
    taken: dict[str, FileLock] = {}
    for gpu in gpus:
        name = re.sub(r"[^\w-]", "_", f"{platform.node()}-{gpu}-{level}")
        lock = FileLock(folder / name)
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            taken[gpu] = lock
        if len(taken) == needed:
            return taken
    for lock in taken.values():
        lock.release()
    return {}
