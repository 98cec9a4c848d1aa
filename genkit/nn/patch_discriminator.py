"""A discriminator that judges patches: one opinion for each place of a grid, of what lies around it (Isola et
al. 2017, PatchGAN).

Legend: B batch, C channels, S… sizes of the axes, G… sizes of the grid, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from genkit.nn.axes import CONVOLUTIONS, Sizes
from genkit.nn.convolutions import SLOPE, he_initialise
from genkit.nn.grids import steps
from genkit.nn.memory_format import to_channels_last
from genkit.nn.precision import widened
from genkit.nn.resampling import DOWN

FACTORS = {1: 16, 2: 4, 3: 4}  # by which an axis is divided, by the number of axes
TINY = 1e-12  # of a gradient


class PatchDiscriminator(nn.Module):
    """Arrays (B, C, S…) in [-1, 1] to a logit for each patch, (B, places), float32 under any autocast.

    Two strided convolutions, then two of kernel 3: a patch of an image is 26 pixels wide.  Without any
    normalisation, so that the opinion of an example depends on no other.
    """

    __call__: Callable[..., Tensor]

    def __init__(self, channels: int, sizes: Sizes, width: int) -> None:
        super().__init__()
        axes = len(sizes)
        ways = steps(tuple(_factor(size, FACTORS[axes]) for size in sizes))
        widths = [channels, *(width << i for i in range(len(ways)))]
        layers: list[nn.Module] = []
        for (narrow, wide), step in zip(pairwise(widths), ways, strict=True):
            layers += [DOWN[axes](narrow, wide, *step.down), nn.LeakyReLU(SLOPE)]
        convolution = CONVOLUTIONS[axes]
        layers += [convolution(widths[-1], width, 3, padding=1), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, convolution(width, 1, 3, padding=1))
        he_initialise(self)
        to_channels_last(self, axes)

    def forward(self, data: Tensor) -> Tensor:
        return widened(self.layers(data).flatten(1))


def _factor(size: int, most: int) -> int:
    """The power of two, `most` at the most, that leaves an axis of some length two places at least."""
    factor = 1
    while factor < most and size >= 4 * factor:
        factor *= 2
    return factor


def balance(wanted: Tensor, other: Tensor, output: Tensor, share: float) -> Tensor:
    """The weight of another loss of each example, (B,), with which its gradient is a share of that of the
    loss that is wanted, where the network puts out `output`: the balancer of EnCodec (Défossez et al. 2022,
    section 3.4), with norms of the present step, and of each example, so that none depends on others.

    Args:
        wanted, other: of each example, (B,).
        output: what both are made of, (B, …).
    """
    norms = []
    for losses in (wanted, other):
        (gradient,) = torch.autograd.grad(losses.sum(), output, retain_graph=True)
        norms.append(torch.linalg.vector_norm(widened(gradient).flatten(1), dim=1))
    weight: Tensor = share * norms[0] / norms[1].clamp(min=TINY)
    return weight
