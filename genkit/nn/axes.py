"""The layers of networks over one, two or three axes, by the number of axes, and what they do to sizes.

A sound has one axis, an image two (height, width), a video three (time, height, width).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

Sizes = tuple[int, ...]  # entries along each axis
Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
CONVOLUTIONS: dict[int, Callable[..., Convolution]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Callable[..., Transposed]] = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
LONG = 25  # kernel along a single axis (WaveGAN, Donahue et al. 2019)


class SizeError(ValueError):
    """A network cannot have such sizes.

    Attributes:
        axis: the one whose size does not fit.
    """

    def __init__(self, said: str, axis: int) -> None:
        super().__init__(said)
        self.axis = axis


@dataclass(frozen=True)
class Stride:
    """What one strided convolution does to sizes: it divides each by a factor, its transpose multiplies.

    Attributes:
        factors: of each axis; 1 leaves it as long as it is.
        kernels: of each axis, no shorter than the factor; odd where that is 1.
    """

    factors: Sizes
    kernels: Sizes

    @property
    def down(self) -> tuple[Sizes, Sizes, Sizes]:
        """Kernel, stride and padding of the convolution that divides."""
        # Half of what a kernel reaches beyond its stride, on either side.
        padding = tuple((k - f + 1) // 2 for k, f in zip(self.kernels, self.factors, strict=True))
        return self.kernels, self.factors, padding

    @property
    def up(self) -> tuple[Sizes, Sizes, Sizes, Sizes]:
        """Kernel, stride, padding and output padding of the transposed convolution that multiplies."""
        kernels, factors, padding = self.down
        rest = tuple(2 * p + f - k for k, f, p in zip(kernels, factors, padding, strict=True))
        return kernels, factors, padding, rest


def stride(*factors: int) -> Stride:
    """By these factors with the usual kernels: long over a single axis, else twice the factor, 3 where that
    is 1."""
    single = len(factors) == 1
    return Stride(factors, tuple(LONG if single else 2 * f if f > 1 else 3 for f in factors))
