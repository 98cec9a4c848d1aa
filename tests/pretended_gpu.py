"""A GPU where there is none: tensors that say that they are on one and hold no numbers.

torch's own `FakeTensorMode` computes shapes, types and devices alone.  What mixes devices raises, and so does
whatever asks for a number, which on a GPU would wait for it.  The backward pass does not run there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)

from genkit.core.module import GenerativeModule

GPU = torch.device("cuda", 0)


@contextmanager
def pretended_gpu(module: GenerativeModule) -> Iterator[GenerativeModule]:
    """Within the context a module, all of whose tensors become ones on a GPU that is not there, for good."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, without_gradients():
        moved: dict[int, tuple[Tensor, Tensor]] = {}  # with the original, so that no other gets its number

        def there(tensor: Tensor) -> Tensor:
            if id(tensor) not in moved:
                fake = mode.from_tensor(tensor.detach()).to(GPU)
                made = nn.Parameter(fake, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else fake
                moved[id(tensor)] = tensor, made
            return moved[id(tensor)][1]

        for part in module.modules():
            for kept in (part._parameters, part._buffers):
                kept.update({name: there(tensor) for name, tensor in kept.items() if tensor is not None})
        module._device = GPU  # as Lightning keeps it
        yield module


@contextmanager
def without_gradients() -> Iterator[None]:
    """Gradients within a loss are taken for zeros: torch's engine would look for the GPU."""
    real = torch.autograd.grad

    def zeros(outputs: object, inputs: Tensor | tuple[Tensor, ...], *rest: object, **more: object) -> object:
        return tuple(torch.zeros_like(x) for x in ((inputs,) if isinstance(inputs, Tensor) else inputs))

    torch.autograd.grad = zeros
    try:
        yield
    finally:
        torch.autograd.grad = real


def waits(error: Exception) -> bool:
    """Whether this is what asking a tensor on a GPU for its numbers raises."""
    asked = isinstance(error, DataDependentOutputException | DynamicOutputShapeException)
    return asked or ".numpy() is not supported" in str(error)
