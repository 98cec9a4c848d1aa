"""Networks without first numbers, where others are about to take their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_DRAWN = {
    *(nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_),
    *(Tensor.uniform_, Tensor.normal_),
}
_SKIPPING: ContextVar[bool] = ContextVar("skipping", default=False)


class _Undrawn(TorchFunctionMode):
    """Leaves parameters as memory has them where their numbers would be drawn."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in _DRAWN and _SKIPPING.get():
            tensor = args[0] if args else given.get("tensor")
            if isinstance(tensor, nn.Parameter):
                return tensor
        return func(*args, **given)


@contextmanager
def undrawn() -> Iterator[None]:
    """Within the context parameters are made without drawing their first numbers, which takes seconds for a
    hundred million; whoever enters it gives every parameter another value."""
    reset = _SKIPPING.set(True)
    try:
        with _Undrawn():
            yield
    finally:
        _SKIPPING.reset(reset)


@contextmanager
def drawn() -> Iterator[None]:
    """Within the context they are drawn nevertheless: of what is added to a network."""
    reset = _SKIPPING.set(False)
    try:
        yield
    finally:
        _SKIPPING.reset(reset)
