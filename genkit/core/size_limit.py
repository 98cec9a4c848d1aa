"""Whether a description is of something no larger than it may be, before any memory is taken for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class TooLarge(Exception):
    """More numbers were asked for than are allowed: no ValueError, as of sizes that do not fit."""


class _Counting(TorchFunctionMode):
    """Counts the numbers of all tensors that are made; it raises as soon as there are too many."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.left = limit

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor):
            self.left -= made.numel() + 1
            if self.left < 0:
                raise TooLarge("more numbers than its weights have")
        return made


def check_size(build: Callable[[], object], limit: int) -> None:
    """See that `build()` makes no more than `limit` numbers, on a device that holds none of them.

    Views and results of operations count too, so the limit should be generous.

    Raises:
        TooLarge: it would.
    """
    with torch.device("meta"), _Counting(limit):
        build()
