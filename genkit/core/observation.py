"""What is known of an image: one linear measurement of it, with noise of known scale.

y = A x + σ ε, where A keeps some pixels (completion), averages blocks (upscaling) or does nothing
(denoising).  Whoever can draw x given y completes, upscales and denoises alike.

Legend: B batch, C channels, H height, W width.
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
    def measure(self, images: Tensor) -> Tensor:
        """A x, without noise."""

    @abstractmethod
    def picture(self, measured: Tensor) -> Tensor:
        """What is known as an image (B, C, H, W) in [0, 1]; what is hidden is grey."""

    def observe(self, images: Tensor, noise: Noise) -> Tensor:
        """What is known of these images; exact measurements have no noise added."""
        return self.measure(images)

    def merge(self, images: Tensor, measured: Tensor) -> Tensor:
        """Images with what is exactly known put in its place."""
        return images

    def log_likelihood(self, images: Tensor, measured: Tensor) -> Tensor:
        """log p(y | x), nats, (B,)."""
        residual = ((self.measure(images) - measured) / self.scale).flatten(1)
        return -0.5 * (residual.square() + math.log(2 * math.pi) + 2 * math.log(self.scale)).sum(1)


@dataclass(frozen=True)
class Mask(Observation):
    """Some pixels are known.

    Attributes:
        known: bool (H, W).
    """

    known: Tensor = torch.ones(0, 0, dtype=torch.bool)  # noqa: RUF009 (never written to)

    def measure(self, images: Tensor) -> Tensor:
        return images * self.known.to(images)

    def picture(self, measured: Tensor) -> Tensor:
        return torch.where(self.known.to(measured.device), measured, torch.full_like(measured, 0.5))

    def merge(self, images: Tensor, measured: Tensor) -> Tensor:
        return torch.where(self.known.to(images.device), measured, images)

    def prefix(self) -> int | None:
        """How many pixels in raster order are known, if the hidden ones are all the rest; else None."""
        flat = self.known.flatten()
        count = int(flat.sum())
        return count if bool(flat[:count].all()) else None


@dataclass(frozen=True)
class AveragePool(Observation):
    """The mean of each block of factor × factor pixels is known."""

    factor: int = 2

    def measure(self, images: Tensor) -> Tensor:
        return F.avg_pool2d(images, self.factor)

    def picture(self, measured: Tensor) -> Tensor:
        return measured.repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)


@dataclass(frozen=True)
class WhiteNoise(Observation):
    """Every pixel is known up to Gaussian noise."""

    def measure(self, images: Tensor) -> Tensor:
        return images

    def observe(self, images: Tensor, noise: Noise) -> Tensor:
        return images + self.scale * noise.normal("observation", *images.shape[1:])

    def picture(self, measured: Tensor) -> Tensor:
        return measured.clamp(0, 1)


MASKS = ("lower", "upper", "left", "right", "box", "random")


def mask(hidden: str, height: int, width: int, seed: int = 0) -> Mask:
    """The mask that hides a part by name: a half, the box in the middle, or every second pixel at random.

    Raises:
        ConfigError: no such part.
    """
    y, x = torch.arange(height)[:, None].expand(height, width), torch.arange(width).expand(height, width)
    if hidden == "random":
        order = Noise(seed, range(1), purpose="mask").uniform("pixels", height * width)[0].argsort()
        known = torch.zeros(height * width, dtype=torch.bool)
        known[order[: height * width // 2]] = True
        return Mask(known=known.view(height, width))
    away = {
        "lower": y >= height // 2,
        "upper": y < height // 2,
        "left": x < width // 2,
        "right": x >= width // 2,
        "box": (y >= height // 4) & (y < height - height // 4) & (x >= width // 4) & (x < width - width // 4),
    }
    if hidden not in away:
        raise ConfigError(f"mask={hidden} hides nothing that is known; choose one of {', '.join(MASKS)}.")
    return Mask(known=~away[hidden])
