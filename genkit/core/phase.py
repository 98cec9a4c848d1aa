"""What one update does: which modules it trains, on which loss, how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.noise import Noise

T = TypeVar("T")


class LossTerms(NamedTuple):
    """A scalar to minimise, and the parts of it worth showing (detached scalars, by name)."""

    total: Tensor
    terms: Mapping[str, Tensor] = MappingProxyType({})


class StepNoise(Noise):
    """The noise of one training step, with what the phases of that step share.

    The step owns the object and drops it, so nothing that is cached here outlives the step.
    """

    def __init__(self, seed: int, rows: range, *, step: int, device: torch.device | str = "cpu") -> None:
        super().__init__(seed, rows, purpose="train", step=step, device=device)
        self._cache: dict[str, object] = {}
        self.parameters: tuple[nn.Parameter, ...] = ()  # of every phase; set by the step

    def once(self, name: str, make: Callable[[], T]) -> T:
        """`make()` the first time, afterwards the same object.

        It is made with the parameters of every phase alive, because another phase may need gradients that
        the present one has switched off; a phase that must not reach them detaches what it gets.
        """
        if name not in self._cache:
            frozen = [p for p in self.parameters if not p.requires_grad]
            for parameter in frozen:
                parameter.requires_grad_(True)
            self._cache[name] = make()
            for parameter in frozen:
                parameter.requires_grad_(False)
        return self._cache[name]  # type: ignore[return-value]


@dataclass(frozen=True)
class Phase:
    """One update of one set of modules.

    Attributes:
        name: also the key under `optim` that may hold settings of its own.
        modules: their parameters are trained, but for those that need no gradient; those of other phases
            are frozen meanwhile.
        loss: `(batch, noise) -> LossTerms`.
        every: the phase is due at steps divisible by this; the first phase of a family has 1.
        matrices: of the parameters, those between hidden layers, for an optimiser that treats them apart.
        ema: whether an exponential moving average of the modules (buffers included) is kept, if the training
            asks for one.
    """

    name: str
    modules: tuple[nn.Module, ...]
    loss: Callable[[Batch, StepNoise], LossTerms]
    every: int = 1
    ema: bool = False
    matrices: tuple[nn.Parameter, ...] = ()
    parameters: tuple[nn.Parameter, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        unique = dict.fromkeys(p for module in self.modules for p in module.parameters() if p.requires_grad)
        object.__setattr__(self, "parameters", tuple(unique))


@contextmanager
def training_only(phase: Phase, phases: Iterable[Phase]) -> Iterator[None]:
    """Freeze the parameters of all other phases, whose gradients would be thrown away."""
    rest = [other for other in phases if other is not phase]
    own = set(phase.parameters) if rest else set()
    others = [p for other in rest for p in other.parameters if p not in own and p.requires_grad]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)
