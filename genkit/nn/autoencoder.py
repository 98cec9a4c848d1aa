"""Encoders and decoders of images for a VAE.

Either takes labels, int64 (B,), where it is made for `classes` of them; 0 stands for none.

Legend: B batch, C channels, H height, W width, L latent size, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.memory_format import to_channels_last
from genkit.nn.resampling import Doubling, Halving


class ImageEncoder(nn.Module):
    """Images (B, C, H, W) to (B, outputs): a trunk, then one hidden layer that sees the label too."""

    def __init__(self, trunk: nn.Module, features: int, hidden: int, outputs: int, classes: int = 0) -> None:
        super().__init__()
        self.trunk, self.classes = to_channels_last(trunk), classes
        self.head = nn.Sequential(
            nn.Linear(features + classes, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.head(with_labels(self.trunk(images).flatten(1), labels, self.classes))


class ImageDecoder(nn.Module):
    """Latents (B, L) to (B, outputs, H, W): one hidden layer that sees the label too, then a trunk."""

    def __init__(
        self, trunk: nn.Module, small: tuple[int, int, int], hidden: int, latent_size: int, classes: int = 0
    ) -> None:
        super().__init__()
        self.trunk, self.classes = to_channels_last(trunk), classes
        self.head = nn.Sequential(
            nn.Linear(latent_size + classes, hidden), nn.ReLU(), nn.Linear(hidden, prod(small))
        )
        self.unflatten = nn.Unflatten(1, small)

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.trunk(self.unflatten(self.head(with_labels(latent, labels, self.classes))))


def with_labels(x: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """Vectors (B, N) with the label as K more numbers, one of them 1; as they are without classes."""
    if not classes:
        return x
    assert labels is not None
    return torch.cat((x, F.one_hot(labels, classes).to(x)), dim=1)


class Residual(nn.Module):
    """x + f(x) at full width: two 3×3 convolutions, each after a SiLU (He et al. 2016, full pre-activation).

    The last kernel begins at 0, so a deep network begins as the identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(F.silu(self.first(F.silu(x))))


Shape = tuple[int, int, int]
Pair = tuple[ImageEncoder, ImageDecoder]


def mlp_pair(shape: Shape, outputs: int, latent_size: int, hidden: int, width: int, classes: int) -> Pair:
    """One hidden layer each way."""
    channels, height, side = shape
    encoder = ImageEncoder(nn.Identity(), prod(shape), hidden, 2 * latent_size, classes)
    decoder = ImageDecoder(nn.Identity(), (outputs * channels, height, side), hidden, latent_size, classes)
    return encoder, decoder


def conv_pair(shape: Shape, outputs: int, latent_size: int, hidden: int, width: int, classes: int) -> Pair:
    """Two halvings by strided convolutions, then a hidden layer; the decoder is its mirror."""
    channels, height, side = shape
    small = (2 * width, height // 4, side // 4)
    down = nn.Sequential(Halving(channels, width), nn.ReLU(), Halving(width, 2 * width), nn.ReLU())
    up = nn.Sequential(
        nn.ReLU(),
        Doubling(2 * width, width),
        nn.ReLU(inplace=True),
        Doubling(width, outputs * channels),
    )
    return (
        ImageEncoder(down, prod(small), hidden, 2 * latent_size, classes),
        ImageDecoder(up, small, hidden, latent_size, classes),
    )


def residual_pair(
    shape: Shape, outputs: int, latent_size: int, hidden: int, width: int, classes: int
) -> Pair:
    """As `conv_pair` with two residual blocks at each side but the full one."""
    channels, height, side = shape
    small = (2 * width, height // 4, side // 4)
    down = nn.Sequential(
        Halving(channels, width),
        Residual(width),
        Residual(width),
        Halving(width, 2 * width),
        Residual(2 * width),
        Residual(2 * width),
        nn.SiLU(),
    )
    up = nn.Sequential(
        Residual(2 * width),
        Residual(2 * width),
        nn.SiLU(),
        Doubling(2 * width, width),
        Residual(width),
        Residual(width),
        nn.SiLU(),
        Doubling(width, outputs * channels),
    )
    return (
        ImageEncoder(down, prod(small), hidden, 2 * latent_size, classes),
        ImageDecoder(up, small, hidden, latent_size, classes),
    )


# By name: makers of an encoder to mean and log-variance (B, 2 L) and of a decoder to (B, outputs · C, H, W).
PAIRS: dict[str, Callable[[Shape, int, int, int, int, int], Pair]] = {
    "mlp": mlp_pair,
    "conv": conv_pair,
    "residual": residual_pair,
}
