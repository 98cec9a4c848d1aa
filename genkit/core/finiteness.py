"""Whether the numbers of a training step are finite, without waiting for a GPU."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from genkit.system.errors import Diverged


class LateCheck:
    """Sees that numbers are finite: at once on a CPU, later on a GPU, where asking would wait for it."""

    def __init__(self) -> None:
        self._pending: list[tuple[str, int, list[str], Tensor, Any]] = []

    def watch(self, phase: str, step: int, names: list[str], values: list[Tensor]) -> None:
        stacked = torch.stack(values).float()
        if stacked.device.type != "cuda":
            self._judge(phase, step, names, stacked)
            return
        host = torch.empty(stacked.shape, dtype=stacked.dtype, pin_memory=True)
        host.copy_(stacked, non_blocking=True)
        event = torch.cuda.Event()
        event.record()
        self._pending.append((phase, step, names, host, event))

    def raise_if_diverged(self, wait: bool = False) -> None:
        while self._pending:
            phase, step, names, host, event = self._pending[0]
            if wait:
                event.synchronize()
            elif not event.query():
                return
            self._pending.pop(0)
            self._judge(phase, step, names, host)

    @staticmethod
    def _judge(phase: str, step: int, names: list[str], values: Tensor) -> None:
        numbers = values.tolist()
        if all(map(math.isfinite, numbers)):
            return
        name, value = next((n, v) for n, v in zip(names, numbers, strict=True) if not math.isfinite(v))
        raise Diverged(
            f"phase {phase}, step {step}: {name} is {value}."
            " Lower optim.lr, set optim.clip, or start from an earlier checkpoint."
        )
