"""What a training step takes of memory, found by doing one on tensors that hold no numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.footprint import peak_bytes
from genkit.core.module import GenerativeModule
from genkit.core.phase import StepNoise, training_only
from genkit.core.spec import ArraySpec, Spec

FEWEST = 4  # examples of a step that is done: batch normalisation needs two also of half as many


@dataclass(frozen=True)
class StepMemory:
    """Bytes in float32, beside those that weights and optimisers hold all the time.

    Attributes:
        once: whatever the batch: gradients of the weights, and what is computed of them.
        each: kept of each example of a micro-batch until its gradient is known.
    """

    once: float
    each: float

    def of(self, examples: int) -> float:
        """Of a step on so many examples at once."""
        return self.once + self.each * examples

    def most(self, room: float) -> int:
        """How many examples have room at once."""
        return max(0, int((room - self.once) // self.each)) if self.each > 0 else 0


class _Numberless(StepNoise):
    """Noise of the right shapes, for however many rows it is."""

    def uniform(self, name: str, *shape: int) -> Tensor:
        return torch.zeros(len(self), *shape)

    def normal(self, name: str, *shape: int) -> Tensor:
        return torch.zeros(len(self), *shape)


def step_memory(module: GenerativeModule, examples: int) -> StepMemory | None:
    """Of a module whose weights are on the device "meta": as its family says, else by two steps done there.

    None where nobody can tell: a loss that asks what numbers are cannot be computed without any.

    Args:
        examples: of a micro-batch.
    """
    gradients = 4.0 * sum(p.numel() for phase in module.phases() for p in phase.parameters)
    if said := module.costs().get("activations"):
        return StepMemory(gradients, said)
    spec: Spec = module.spec
    if spec.kind != "arrays":
        return None
    try:
        with torch.device("meta"):
            whole = max(examples, FEWEST)
            half = whole // 2
            most, least = (_peak(module, spec, count) for count in (whole, half))
    except Exception:  # of a family's loss anything may be raised; it will be again when it has numbers
        return None
    each = (most - least) / (whole - half)
    return StepMemory(max(gradients, most - whole * each), each)


def _peak(module: GenerativeModule, spec: ArraySpec, examples: int) -> int:
    """Bytes that a step on so many examples takes at once."""
    phases, rows = module.phases(), range(examples)
    labels = torch.zeros(examples, dtype=torch.int64) if spec.classes else None
    batch = Batch(torch.zeros(examples, *spec.shape), rows, labels)
    noise = _Numberless(0, rows, step=0, device="meta")
    noise.parameters = tuple(p for phase in phases for p in phase.parameters)

    def step() -> None:
        for phase in phases:
            with training_only(phase, phases):
                phase.loss(batch, noise).total.backward()

    for parameter in module.parameters():
        parameter.grad = None
    return peak_bytes(step)
