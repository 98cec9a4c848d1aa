"""What several processes decide together at every step, a step late, so that none waits for the others."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class Agreement:
    """The largest of the numbers that the processes put forward.

    Each step's numbers travel while the next step computes, over the processors' own connection (gloo): a GPU
    is not asked, and nothing is pickled.  All processes learn the same number at the same step.
    """

    def __init__(self) -> None:
        self._group: Any = None  # of gloo, made at the first step
        self._sent: tuple[Tensor, dist.Work] | None = None

    def late(self, number: int) -> int:
        """Put a number forward and return what was agreed on at the last call, 0 at the first.

        In one process, the number itself.
        """
        if not _together():
            return number
        agreed = self.settle()
        self._send(number)
        return agreed

    def now(self, number: int) -> int:
        """Put a number forward and wait for the others'; what was put forward before counts too."""
        if not _together():
            return number
        before = self.settle()
        self._send(number)
        return max(before, self.settle())

    def settle(self) -> int:
        """What was agreed on at the last call, 0 where there was none; nothing travels afterwards."""
        if self._sent is None:
            return 0
        (numbers, work), self._sent = self._sent, None
        work.wait()
        return int(numbers)

    def _send(self, number: int) -> None:
        if self._group is None:
            self._group = dist.new_group(backend="gloo")
        numbers = torch.tensor(number)
        work = dist.all_reduce(numbers, dist.ReduceOp.MAX, group=self._group, async_op=True)
        assert work is not None
        self._sent = numbers, work


def _together() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
