"""Linear layers as functions of rows, in the precision and the layout in which they are read fastest.

At batch 1 the time of a step is that of reading the weights, so narrower weights are faster in proportion.
oneDNN multiplies float32 at about twice the speed of MKL on processors with AVX-512 that are not Intel's, and
as fast on others; so the CPU's products are its own wherever it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.lora import dense
from genkit.nn.transformer import activate

PRECISIONS = ("float32", "bfloat16", "int8")
# Matrices rounded to bfloat16 and multiplied in float32, for processors without instructions for bfloat16.
ROUNDED = "rounded"
WIDE = ("float32", ROUNDED)  # whose products are of float32
FUSED = {"gelu": "none", "gelu_tanh": "tanh"}  # our activations, and what oneDNN calls them
Map = Callable[[Tensor], Tensor]  # (B, in) to (B, out)
Added = Callable[[Tensor, Tensor], Tensor]  # (B, in) and a stream (B, out) to their sum behind the matrix
has_mkldnn: Callable[[], bool] = torch.backends.mkldnn.is_available


def computed_in(precision: str, device: torch.device) -> str:
    """The precision of products: `ROUNDED` for bfloat16 on a processor without instructions for it."""
    return ROUNDED if precision == "bfloat16" and not _multiplies_bfloat16(device) else precision


def kept_in(precision: str, device: torch.device) -> torch.dtype:
    """Of keys and values: bfloat16 beside matrices of it, on a processor with instructions for it."""
    narrow = device.type == "cpu" and computed_in(precision, device) == "bfloat16"
    return torch.bfloat16 if narrow else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type != "cpu":
        return True
    return has_mkldnn() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@dataclass(frozen=True)
class Products:
    """How layers are made into functions; in and out they are bfloat16 unless the precision is of `WIDE`.

    int8 has a scale for each output (symmetric, rounded to the nearest), and sums in float32.

    Attributes:
        precision: of `PRECISIONS`, or `ROUNDED`.
        rows: how many there usually are; None: many.
    """

    precision: str
    rows: int | None

    @property
    def inner(self) -> torch.dtype:
        """Of inputs and outputs."""
        return torch.float32 if self.precision in WIDE else torch.bfloat16

    def product(self, layer: nn.Module) -> Map:
        """The linear layer."""
        weight, bias = self._matrix(layer)
        if self.precision == "int8":
            scale = (weight.abs().amax(1) / 127).clamp(min=1e-12)
            integers = (weight / scale[:, None]).round().to(torch.int8)
            scales = scale.bfloat16()
            if bias is None:
                return lambda x: torch._weight_int8pack_mm(x, integers, scales)
            return lambda x: torch._weight_int8pack_mm(x, integers, scales) + bias
        if (laid := self._laid(weight)) is not None:
            return lambda x: torch.ops.mkldnn._linear_pointwise(x, laid, bias, "none", [], "")
        if self.rows != 1:
            return partial(F.linear, weight=weight, bias=bias)
        transposed = weight.t().contiguous()  # a row times a matrix reads it in order
        return (
            partial(torch.mm, mat2=transposed)
            if bias is None
            else partial(torch.addmm, bias, mat2=transposed)
        )

    def activated(self, layer: nn.Module, activation: str) -> Map:
        """The linear layer and the activation after it, in one pass where a kernel has both."""
        weight, bias = self._matrix(layer)
        if activation in FUSED and self.precision != "int8" and (laid := self._laid(weight)) is not None:
            how = FUSED[activation]
            return lambda x: torch.ops.mkldnn._linear_pointwise(x, laid, bias, "gelu", [], how)
        product = self.product(layer)
        return lambda x: activate(product(x), activation)

    def added(self, layer: nn.Module) -> Added:
        """The linear layer, its output added to a float32 stream, in one pass where a kernel has both."""
        weight, bias = self._matrix(layer)
        if self.precision in WIDE and (laid := self._laid(weight)) is not None:
            return lambda x, stream: torch.ops.mkldnn._linear_pointwise.binary(x, stream, laid, bias, "add")
        if self.precision in WIDE and self.rows == 1 and bias is None:
            transposed = weight.t().contiguous()
            return lambda x, stream: torch.addmm(stream, x, transposed)
        product = self.product(layer)
        return lambda x, stream: stream + product(x)

    def _matrix(self, layer: nn.Module) -> tuple[Tensor, Tensor | None]:
        """Weight and bias; those of int8 products are rounded by themselves, after float32."""
        weight, bias = dense(layer)
        if self.precision == ROUNDED:
            weight = weight.bfloat16()
        weight = weight.detach().to(torch.float32 if self.precision == "int8" else self.inner)
        return weight, None if bias is None else bias.detach().to(self.inner)

    def _laid(self, weight: Tensor) -> Tensor | None:
        """A matrix as oneDNN reads it: in blocks, which its products would otherwise make anew at each call;
        as it lies where that is as fast, which takes no second copy.  None where there is no oneDNN.
        """
        if weight.device.type != "cpu" or not has_mkldnn():
            return None
        if weight.dtype == torch.float32 and (self.rows is None or self.rows == 1):
            return weight.contiguous()
        blocked: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, self.rows or MANY)
        return blocked


MANY = 512  # rows that matrices in blocks are laid out for, where nobody says how many
