"""An exponential moving average of weights (Polyak averaging), swapped in to score and to draw."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn


class MovingAverage:
    """Averages of the live tensors of some modules, buffers included.

    The decay is warmed up, min(decay, (1 + step) / (10 + step)), so that the random first weights are
    forgotten quickly.  Integer buffers (counters) are copied.

    Args:
        root: the module that the names belong to.
        names: of the parameters and buffers to average.
        decay: in (0, 1).
    """

    def __init__(self, root: nn.Module, names: Iterable[str], decay: float) -> None:
        self.decay = decay
        self._root = root
        self._names = list(names)
        self._bind()
        self.shadow = {name: tensor.detach().clone() for name, tensor in self._live.items()}

    @classmethod
    def of_modules(cls, root: nn.Module, modules: Iterable[nn.Module], decay: float) -> MovingAverage:
        """The average of all tensors of `modules`, which are parts of `root`; constants, which no checkpoint
        has among the weights, have none."""
        wanted = {id(t) for module in modules for t in [*module.parameters(), *module.buffers()]}
        kept = root.state_dict().keys()
        tensors = _tensors(root).items()
        return cls(root, [name for name, tensor in tensors if id(tensor) in wanted and name in kept], decay)

    def _bind(self) -> None:
        """Look the live tensors up again: moving a module to another device replaces its buffers."""
        tensors = _tensors(self._root)
        self._live = {name: tensors[name] for name in self._names}

    @torch.no_grad()
    def update(self, step: int) -> None:
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        shadow, live = [], []
        for name, tensor in self._live.items():
            if tensor.is_floating_point():
                shadow.append(self.shadow[name])
                live.append(tensor.detach())
            else:
                self.shadow[name].copy_(tensor)
        torch._foreach_lerp_(shadow, live, weight)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within the context the live tensors hold the averages."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        # Exchanging storages copies nothing and keeps every reference to the parameters valid.
        self._bind()
        for name, tensor in self._live.items():
            average = self.shadow[name].to(tensor.device)
            self.shadow[name], tensor.data = tensor.data, average

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over saved averages."""
        for name, tensor in self.shadow.items():
            tensor.copy_(tensors[name])


def _tensors(root: nn.Module) -> dict[str, Tensor]:
    return {**dict(root.named_parameters()), **dict(root.named_buffers())}
