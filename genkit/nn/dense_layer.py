"""Linear layers whose products are oneDNN's where the library that torch asks by itself takes twice as long.

Legend: N rows, I inputs, O outputs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

LEAST = 2**24  # multiplications of a product that is worth another library's preparations
_prefers_onednn = False


def prefer_onednn(prefers: bool) -> None:
    """Whether large products of layers are oneDNN's in float32 on the CPU; of the whole process.

    The two libraries add up in other orders, so their results differ in the last bits.
    """
    global _prefers_onednn
    _prefers_onednn = prefers and torch.backends.mkldnn.is_available()


class Dense(nn.Linear):
    """A linear layer, the same whichever library multiplies."""

    def forward(self, input: Tensor) -> Tensor:
        if not _is_onednn(input, self.weight):
            return super().forward(input)
        product: Tensor = _Product.apply(input.flatten(0, -2), self.weight, self.bias)
        return product.view(*input.shape[:-1], -1)


def times(x: Tensor, weight: Tensor) -> Tensor:
    """x (N, I) times the transpose of a weight (O, I), (N, O); without a gradient."""
    if not _is_onednn(x, weight):
        return x @ weight.T
    return _multiplied(x, weight, None)


def _is_onednn(x: Tensor, weight: Tensor) -> bool:
    return (
        _prefers_onednn
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() * len(weight) >= LEAST
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def _multiplied(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


class _Product(torch.autograd.Function):
    """x (N, I), W (O, I), b (O,) to x Wᵀ + b."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _multiplied(x, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _multiplied(gradient, weight.t(), None) if of_x else None,
            _multiplied(gradient.t(), x.t(), None) if of_weight else None,
            gradient.sum(0) if of_bias else None,
        )
