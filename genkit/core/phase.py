"""What one update does: which modules it trains, on which loss, how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.noise import Noise

T = TypeVar("T")


class LossTerms(NamedTuple):
    """A scalar to minimise, and the parts of it worth showing (detached scalars, by name)."""

    total: Tensor
    terms: Mapping[str, Tensor] = MappingProxyType({})


class StepNoise(Noise):
    """The noise of one training step on one micro-batch, with what the phases of that step share.

    The step owns the object and drops it, so nothing that is cached here outlives the step.

    Attributes:
        parameters: of every phase; set by the step.
        pieces: the micro-batches of this process's batch, this one among them.
        shared: what the step has found out about the whole batch, the same object for each of its pieces.
    """

    def __init__(self, seed: int, rows: range, *, step: int, device: torch.device | str = "cpu") -> None:
        super().__init__(seed, rows, purpose="train", step=step, device=device)
        self._cache: dict[str, Any] = {}
        self._made: set[str] = set()
        self.parameters: tuple[nn.Parameter, ...] = ()
        self.pieces: Sequence[Batch] = ()
        self.shared: dict[str, Tensor] = {}

    def once(self, name: str, make: Callable[[], T], networks: Sequence[nn.Module] = ()) -> T:
        """`make()` the first time, afterwards the same object, or an equal one where `forget` came between.

        Made again, it leaves the running statistics of `networks`, which it is made by, alone.  It is made
        with the parameters of every phase alive, because another phase may need gradients that
        the present one has switched off; a phase that must not reach them detaches what it gets.
        """
        if name not in self._cache:
            frozen = [p for p in self.parameters if not p.requires_grad]
            for parameter in frozen:
                parameter.requires_grad_(True)
            with untracked(networks) if name in self._made else nullcontext():
                self._cache[name] = make()
            self._made.add(name)
            for parameter in frozen:
                parameter.requires_grad_(False)
        made: T = self._cache[name]
        return made

    def forget(self) -> None:
        """Drop what was made, and with it the memory that its gradient needs."""
        self._cache.clear()

    def batch_mean(self, name: str, values: Tensor, of: Callable[[Batch], Tensor]) -> Tensor:
        """The mean over the global batch, however many processes and micro-batches it is cut into.

        Its gradient is that of the mean of `values`: summed over the pieces with the rest of their losses, it
        becomes that of the whole.

        Args:
            name: of this mean, the same at each piece.
            values: of the rows of this piece, (B, …).
            of: another piece's; called without gradients, where there are several.
        """
        own, world = values.mean(0), dist.get_world_size() if dist.is_initialized() else 1
        if len(self.pieces) < 2 and world == 1:
            return own
        if name not in self.shared:
            with torch.no_grad():
                means = [of(piece).mean(0) for piece in self.pieces] if len(self.pieces) > 1 else [own]
                whole = torch.stack(means).mean(0).detach()
                if world > 1:
                    dist.all_reduce(whole)
            self.shared[name] = whole / world
        return own + (self.shared[name] - own.detach())

    @torch.no_grad()
    def batch_sum(self, name: str, own: Tensor, of: Callable[[Batch], Tensor]) -> Tensor:
        """A sum over the global batch, however many processes and micro-batches it is cut into; it has no
        gradient.

        Args:
            name: of this sum, the same at each piece.
            own: of the rows of this piece.
            of: of another piece's; called where there are several.
        """
        if name not in self.shared:
            parts = [of(piece) for piece in self.pieces] if len(self.pieces) > 1 else [own]
            whole = torch.stack(parts).sum(0)
            if dist.is_initialized():
                dist.all_reduce(whole)
            self.shared[name] = whole
        return self.shared[name]

    @property
    def global_size(self) -> int:
        """Examples of the global batch."""
        world = dist.get_world_size() if dist.is_initialized() else 1
        return world * max(1, len(self.pieces)) * len(self)

    def ends(self, piece: Batch) -> tuple[bool, bool]:
        """Whether a piece is the first of this process's, and whether it is the last."""
        if not self.pieces:
            return True, True
        return piece is self.pieces[0], piece is self.pieces[-1]


@contextmanager
def untracked(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Within the context the running statistics of batch normalisation stay as they are, though it uses those
    of the batch: for what is computed a second time."""
    norms = [
        norm
        for module in modules
        for norm in module.modules()
        if isinstance(norm, nn.modules.batchnorm._BatchNorm) and norm.track_running_stats
    ]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


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
