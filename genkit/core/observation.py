"""What is known of an example: one linear measurement of it, with noise of known scale.

y = A x + σ ε, where A keeps some entries (completion), averages blocks (upscaling) or does nothing
(denoising).  Whoever can draw x given y completes, upscales and denoises alike.

Examples are arrays of one axis (time), two (height, width) or three (time, height, width).

Legend: B batch, C channels, S… sizes of the axes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from genkit.core.noise import Noise
from genkit.system.errors import ConfigError

# What counts as exactly known is matched to within this: a tenth of the range is a visible error.
TOLERANCE = 0.1


@dataclass(frozen=True)
class Observation(ABC):
    """A kind of measurement.

    Attributes:
        scale: standard deviation σ of its noise, in units of the range [0, 1].
    """

    scale: float = TOLERANCE

    @abstractmethod
    def measure(self, data: Tensor) -> Tensor:
        """A x of (B, C, S…), without noise."""

    @abstractmethod
    def picture(self, measured: Tensor, hidden: float = 0.5) -> Tensor:
        """What is known as an array (B, C, S…) in [0, 1]; what is not is `hidden`, grey or silence."""

    def unknown(self, sizes: tuple[int, ...]) -> Tensor:
        """The places of which something is left open, bool (S…)."""
        return torch.ones(sizes, dtype=torch.bool)

    def observe(self, data: Tensor, noise: Noise) -> Tensor:
        """What is known of these examples; exact measurements have no noise added."""
        return self.measure(data)

    def merge(self, data: Tensor, measured: Tensor) -> Tensor:
        """Examples with what is exactly known put in its place."""
        return data

    def log_likelihood(self, data: Tensor, measured: Tensor) -> Tensor:
        """log p(y | x), nats, (B,)."""
        residual = ((self.measure(data) - measured) / self.scale).flatten(1)
        return -0.5 * (residual.square() + math.log(2 * math.pi) + 2 * math.log(self.scale)).sum(1)


@dataclass(frozen=True)
class Mask(Observation):
    """Some places are known.

    Attributes:
        known: bool (S…).
    """

    known: Tensor = torch.ones(0, 0, dtype=torch.bool)  # noqa: RUF009 (never written to)

    def measure(self, data: Tensor) -> Tensor:
        return data * self.known.to(data)

    def unknown(self, sizes: tuple[int, ...]) -> Tensor:
        return ~self.known

    def picture(self, measured: Tensor, hidden: float = 0.5) -> Tensor:
        return torch.where(self.known.to(measured.device), measured, torch.full_like(measured, hidden))

    def merge(self, data: Tensor, measured: Tensor) -> Tensor:
        return torch.where(self.known.to(data.device), measured, data)

    def prefix(self) -> int | None:
        """How many places in raster order are known, if the hidden ones are all the rest; else None."""
        flat = self.known.flatten()
        count = int(flat.sum())
        return count if bool(flat[:count].all()) else None


POOLS = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}  # by the number of axes


@dataclass(frozen=True)
class AveragePool(Observation):
    """The mean of each block of neighbours is known.

    Attributes:
        factor: size of a block along every axis, or along each.
    """

    factor: int | tuple[int, ...] = 2

    def measure(self, data: Tensor) -> Tensor:
        return POOLS[data.ndim - 2](data, self.factor)

    def picture(self, measured: Tensor, hidden: float = 0.5) -> Tensor:
        axes = range(2, measured.ndim)
        factors = [self.factor] * len(axes) if isinstance(self.factor, int) else self.factor
        for axis, factor in zip(axes, factors, strict=True):
            measured = measured.repeat_interleave(factor, axis)
        return measured


@dataclass(frozen=True)
class WhiteNoise(Observation):
    """Every entry is known up to Gaussian noise."""

    def measure(self, data: Tensor) -> Tensor:
        return data

    def observe(self, data: Tensor, noise: Noise) -> Tensor:
        return data + self.scale * noise.normal("observation", *data.shape[1:])

    def picture(self, measured: Tensor, hidden: float = 0.5) -> Tensor:
        return measured.clamp(0, 1)


# What can be hidden by name: of an axis by its own, of the plane, of frames, of anything.
HALVES: dict[str, tuple[str, ...]] = {
    "time": ("end", "start", "middle"),
    "frequency": ("high", "low"),
    "height": ("lower", "upper"),
    "width": ("left", "right"),
}
IN_PLANES, OF_FRAMES, ANYWHERE = ("box",), ("alternate",), ("random",)
USUAL = {1: ("time",), 2: ("height", "width"), 3: ("time", "height", "width")}  # by the number of axes


def masks(axes: tuple[str, ...]) -> tuple[str, ...]:
    """What can be hidden of examples with axes of these names."""
    planes = IN_PLANES if {"height", "width"} <= set(axes) else ()
    frames = OF_FRAMES if planes and "time" in axes else ()
    return (*(part for axis in axes for part in HALVES.get(axis, ())), *planes, *frames, *ANYWHERE)


def mask(
    hidden: str,
    sizes: tuple[int, ...],
    seed: int = 0,
    axes: tuple[str, ...] = (),
    given: int | None = None,
) -> Mask:
    """The mask that hides a part by name: one end of an axis or the middle of time, the box in the middle of
    the plane (at all times), every second frame, or every second place at random.

    Args:
        sizes: of the axes.
        axes: their names; by default time, or height and width, or all three.
        given: places of the axis that are known, where a part of one axis is hidden; half of them by default.
            Around a middle they are shared, and the beginning has the odd one.

    Raises:
        ConfigError: there is no such part over these axes, or it has no such number of places.
    """
    axes = axes or USUAL[len(sizes)]
    if hidden not in masks(axes):
        listed = ", ".join(masks(axes))
        raise ConfigError(f"mask={hidden} hides nothing that is known; choose one of {listed}.")
    if given is not None:
        _check_given(given, hidden, axes, sizes)
    if hidden in ANYWHERE:
        order = Noise(seed, range(1), purpose="mask").uniform("pixels", math.prod(sizes))[0].argsort()
        known = torch.zeros(len(order), dtype=torch.bool)
        known[order[: len(order) // 2]] = True
        return Mask(known=known.view(sizes))
    away = torch.zeros(sizes, dtype=torch.bool)
    away[tuple(_hidden(hidden, axis, size, given) for axis, size in zip(axes, sizes, strict=True))] = True
    return Mask(known=~away)


def stretch(begin: int, end: int, sizes: tuple[int, ...], axes: tuple[str, ...]) -> Mask:
    """The mask that hides the places begin … end - 1 along time.

    Raises:
        ConfigError: there is no time, or it has no such places.
    """
    if "time" not in axes:
        raise ConfigError(
            f"mask={begin}:{end} is a stretch of time, and here are {' and '.join(axes)} alone."
        )
    axis = axes.index("time")
    if not 0 <= begin < end <= sizes[axis]:
        raise ConfigError(
            f"mask={begin}:{end} is no stretch of the {sizes[axis]} places along time, 0:{sizes[axis]}."
        )
    known = torch.ones(sizes, dtype=torch.bool)
    known[(slice(None),) * axis + (slice(begin, end),)] = False
    return Mask(known=known)


def painted(hidden: Tensor, sizes: tuple[int, ...], axes: tuple[str, ...]) -> Mask:
    """The mask that hides places of the plane, at all times.

    Args:
        hidden: bool (H, W).
    """
    plane = tuple(size if axis in ("height", "width") else 1 for axis, size in zip(axes, sizes, strict=True))
    return Mask(known=~hidden.view(plane).expand(sizes))


def _check_given(given: int, part: str, axes: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    """See that so many places can be known beside a part.

    Raises:
        ConfigError: they cannot.
    """
    for axis, size in zip(axes, sizes, strict=True):
        if part in HALVES.get(axis, ()):
            least = 2 if part == "middle" else 1
            if not least <= given < size:
                raise ConfigError(
                    f"given={given}: mask={part} hides a part of the {size} places along {axis}, of which"
                    f" {least} to {size - 1} can be given."
                )
            return
    ends = ", ".join(part for axis in axes for part in HALVES.get(axis, ()))
    raise ConfigError(f"given= is of a mask along one axis ({ends}), not of mask={part}; leave given= out.")


def _hidden(part: str, axis: str, size: int, given: int | None) -> slice:
    """What of an axis a part is; all of it where the part is of another axis."""
    if part in IN_PLANES:
        return _middle(size) if axis in ("height", "width") else slice(None)
    if part in OF_FRAMES:
        return slice(1, None, 2) if axis == "time" else slice(None)
    if part not in HALVES.get(axis, ()):
        return slice(None)
    if part == "middle":
        return _middle(size) if given is None else slice((given + 1) // 2, size - given // 2)
    # (A band of frequencies is counted from the lowest.)
    if part in ("start", "low", "upper", "left"):
        return slice(0, size // 2 if given is None else size - given)
    return slice(size // 2 if given is None else given, size)


def _middle(size: int) -> slice:
    return slice(size // 4, size - size // 4)
