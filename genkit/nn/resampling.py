"""Convolutions that halve or double the side of an image: kernels of 4×4 at stride 2, one pixel of padding.

They compute what `nn.Conv2d` and `nn.ConvTranspose2d` do, whose parameters they have.  On a CPU, oneDNN's
kernels are slow for one channel of the image and for many features on few places; there the patches are
gathered and multiplied by the kernels as one matrix.

Legend: B batch, C channels of the larger image, H height, W width of the smaller one, F features.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

PLACES = 16  # on so many of the smaller image, and
KERNELS = 1 << 17  # with so many pairs of channels, the product is 1.3 to 1.5 times as fast


class Halving(nn.Conv2d):
    """(B, C, 2H, 2W) to (B, F, H, W)."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 4, 2, 1, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2] // 2, images.shape[3] // 2
        # One channel forwards is oneDNN's business; the gradient of its image is not.
        one = self.in_channels == 1 and images.requires_grad
        if not _as_product(self, images, height * width, one):
            return super().forward(images)
        features = F.linear(Patches.apply(images), _matrix(self.weight), self.bias)
        return features.view(len(images), height, width, -1).permute(0, 3, 1, 2)


class Doubling(nn.ConvTranspose2d):
    """(B, F, H, W) to (B, C, 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 4, 2, 1, bias=bias)

    def forward(self, features: Tensor, output_size: list[int] | None = None) -> Tensor:
        size = (len(features), *features.shape[2:])
        if not _as_product(self, features, size[1] * size[2], self.out_channels == 1):
            return super().forward(features, output_size)
        pixels = features.permute(0, 2, 3, 1).reshape(-1, self.in_channels)
        images = Overlap.apply(pixels @ _matrix(self.weight), size)
        return images if self.bias is None else images + self.bias[:, None, None]


def _as_product(kernel: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, places: int, one: bool) -> bool:
    """Whether the product is faster: on a CPU, for `one` channel, or for many on few places.

    Not where it is compiled: lowering sums of shifted patches into one another takes torch minutes.
    """
    if torch.compiler.is_compiling():
        return False
    few = places <= PLACES and kernel.in_channels * kernel.out_channels >= KERNELS
    return x.device.type == "cpu" and (one or few)


def _matrix(kernels: Tensor) -> Tensor:
    """Kernels (F, C, 4, 4) as (F, 16 C), in the order of `patches`."""
    return kernels.permute(0, 2, 3, 1).reshape(len(kernels), -1)


class Patches(Function):
    """`patches`, whose derivative is `overlap`."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        ctx.size = (len(images), images.shape[2] // 2, images.shape[3] // 2)
        return patches(images)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return Overlap.apply(gradient, ctx.size)


class Overlap(Function):
    """`overlap`, whose derivative is `patches`."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, size: tuple[int, int, int]) -> Tensor:
        return overlap(rows, size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return Patches.apply(gradient), None


def patches(images: Tensor) -> Tensor:
    """What each place of the smaller image sees of (B, C, 2H, 2W): (B·H·W, 16 C), by row, column, channel."""
    B, C, H, W = images.shape
    padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    b, y, x, c = padded.stride()
    seen = padded.as_strided((B, H // 2, W // 2, 4, 4, C), (b, 2 * y, 2 * x, y, x, c))
    return seen.reshape(-1, 16 * C)


def overlap(rows: Tensor, size: tuple[int, int, int]) -> Tensor:
    """The adjoint of `patches`: each row is added where it was seen; (B, C, 2H, 2W) for a size (B, H, W)."""
    B, H, W = size
    seen = rows.view(B, H, W, 2, 2, 2, 2, -1)  # each 4 as two pairs of two
    images = rows.new_zeros(B, H + 1, 2, W + 1, 2, seen.shape[-1])
    for y in range(2):
        for x in range(2):
            images[:, y : y + H, :, x : x + W] += seen[:, :, :, y, :, x].transpose(2, 3)
    inner = images.view(B, 2 * H + 2, 2 * W + 2, -1)[:, 1:-1, 1:-1]
    return inner.contiguous().permute(0, 3, 1, 2)  # normalisations are slow on a view with gaps
