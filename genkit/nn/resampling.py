"""Convolutions that divide the sizes of an array, or multiply them, by the number of axes.

They are torch's own.  But over images on a CPU, oneDNN's kernels are slow for one channel of the image and
for many features on few places; there halvings and doublings (kernels of 4×4 at stride 2, one pixel of
padding) gather the patches and multiply them by the kernels as one matrix.  Those over a single axis stand in
`genkit.nn.polyphase`, over three in `genkit.nn.frame_pairs`.

Legend: B batch, C channels of the larger image, H height, W width of the smaller one, F features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.utils.parametrize import register_parametrization

from genkit.nn.axes import CONVOLUTIONS, TRANSPOSED, Convolution, Sizes, Stride, Transposed, stride
from genkit.nn.frame_pairs import Doubling, Halving
from genkit.nn.polyphase import Decimation, Interpolation

PLACES = 16  # on so many of the smaller image, and
KERNELS = 1 << 17  # with so many pairs of channels, the product is 1.3 to 1.5 times as fast
HALVES = stride(2, 2).down


class Downscaling(nn.Conv2d):
    """`Conv2d`; (B, C, 2H, 2W) to (B, F, H, W) by the faster route."""

    def forward(self, input: Tensor) -> Tensor:
        height, width = input.shape[2] // 2, input.shape[3] // 2
        # One channel forwards is oneDNN's business; the gradient of its image is not.
        one = self.in_channels == 1 and input.requires_grad
        if not _as_product(self, input, height * width, one):
            return super().forward(input)
        features = F.linear(_patched(input), _matrix(self.weight), self.bias)
        return features.view(len(input), height, width, -1).permute(0, 3, 1, 2)


class Upscaling(nn.ConvTranspose2d):
    """`ConvTranspose2d`; (B, F, H, W) to (B, C, 2H, 2W) by the faster route."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        size = (len(input), input.shape[2], input.shape[3])
        if not _as_product(self, input, size[1] * size[2], self.out_channels == 1):
            return super().forward(input, output_size)
        pixels = input.permute(0, 2, 3, 1).reshape(-1, self.in_channels)
        images = _overlapped(pixels @ _matrix(self.weight), size)
        return images if self.bias is None else images + self.bias[:, None, None]


# By the number of axes; made with a `Stride`: DOWN[2](inputs, outputs, *stride(2, 2).down).
DOWN: dict[int, Callable[..., Convolution]] = {**CONVOLUTIONS, 1: Decimation, 2: Downscaling, 3: Halving}
UP: dict[int, Callable[..., Transposed]] = {**TRANSPOSED, 1: Interpolation, 2: Upscaling, 3: Doubling}


class Repeats(nn.Module):
    """Kernels (F, C, K…) over an array each of whose places is repeated, as those of a transposed convolution
    by that factor, (F, C, K + factor - 1 …)."""

    def __init__(self, factors: Sizes) -> None:
        super().__init__()
        self.factors = factors

    def forward(self, kernels: Tensor) -> Tensor:
        for axis, factor in enumerate(self.factors, 2):
            behind = (0, 0) * (kernels.ndim - 1 - axis)
            kernels = sum(
                (F.pad(kernels, (*behind, i, factor - 1 - i)) for i in range(1, factor)),
                F.pad(kernels, (*behind, 0, factor - 1)),
            )
        return kernels


def nearest(inputs: int, outputs: int, step: Stride, bias: bool) -> Transposed:
    """Multiplies sizes by a step: each place is repeated (nearest-neighbour upsampling), then a convolution
    of stride 1 follows, with kernels of odd length.

    A transposed convolution whose kernel is no multiple of its stride plays every place a pattern of its own
    (Odena et al. 2016), which is heard as a pitch; behind repeats all places see the same.  Both together are
    one transposed convolution with summed kernels, and cost no more than that.
    """
    odd = tuple(kernel - 1 + kernel % 2 for kernel in step.kernels)
    sizes = tuple(kernel + factor - 1 for kernel, factor in zip(odd, step.factors, strict=True))
    padding = tuple(kernel // 2 for kernel in odd)
    layer = UP[len(odd)](inputs, outputs, sizes, step.factors, padding, bias=bias)
    layer.weight = nn.Parameter(torch.empty(inputs, outputs, *odd))
    nn.init.kaiming_uniform_(layer.weight, 5**0.5)  # as torch's own layers begin
    register_parametrization(layer, "weight", Repeats(step.factors), unsafe=True)  # of another shape
    return layer


def _as_product(kernel: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, places: int, one: bool) -> bool:
    """Whether the product is faster: on a CPU, for `one` channel, or for many on few places.

    Not where it is compiled: lowering sums of shifted patches into one another takes torch minutes.
    """
    if torch.compiler.is_compiling() or (kernel.kernel_size, kernel.stride, kernel.padding) != HALVES:
        return False
    few = places <= PLACES and kernel.in_channels * kernel.out_channels >= KERNELS
    return x.device.type == "cpu" and (one or few)


def _matrix(kernels: Tensor) -> Tensor:
    """Kernels (F, C, 4, 4) as (F, 16 C), in the order of `patches`."""
    return kernels.permute(0, 2, 3, 1).reshape(len(kernels), -1)


def _patched(images: Tensor) -> Tensor:
    """`patches`, with a derivative."""
    rows: Tensor = Patches.apply(images)
    return rows


def _overlapped(rows: Tensor, size: tuple[int, int, int]) -> Tensor:
    """`overlap`, with a derivative."""
    images: Tensor = Overlap.apply(rows, size)
    return images


class Patches(Function):
    """`patches`, whose derivative is `overlap`."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        ctx.size = (len(images), images.shape[2] // 2, images.shape[3] // 2)
        return patches(images)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _overlapped(gradient, ctx.size)


class Overlap(Function):
    """`overlap`, whose derivative is `patches`."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, size: tuple[int, int, int]) -> Tensor:
        return overlap(rows, size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _patched(gradient), None


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
