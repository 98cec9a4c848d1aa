"""Places of tokens as rotations of their queries and keys (RoFormer, Su et al. 2021)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding: the two halves of each head are the real and imaginary parts (RoFormer, eq. 34)."""
    if torch.compiler.is_compiling():  # which fuses the plain formula, and fails at outputs that are views
        real, imaginary = x.chunk(2, dim=-1)
        return torch.cat((real * cos - imaginary * sin, real * sin + imaginary * cos), dim=-1)
    rotated: Tensor = _Rotation.apply(x, cos, sin)
    return rotated


class _Rotation(torch.autograd.Function):
    """A rotation, whose gradient is rotated back: four passes over the memory each way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotated(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _rotated(gradient, cos, -sin), None, None


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    real, imaginary = x.chunk(2, dim=-1)
    turned = torch.empty_like(x)
    first, second = turned.chunk(2, dim=-1)
    torch.mul(real, cos, out=first).addcmul_(imaginary, sin, value=-1)
    torch.mul(real, sin, out=second).addcmul_(imaginary, cos)
    return turned
