"""Networks between images and vectors: DCGAN's pair, and encoders and decoders for a VAE.

Legend: B batch, C channels, S image side (4·2^k), L latent size, W width.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from genkit.nn.normalisation import GlobalBatchNorm2d


def doublings(side: int) -> int:
    """k for a side of 4·2^k.

    Raises:
        ValueError: the side is none, or k < 1.
    """
    k = (side // 4).bit_length() - 1
    if k < 1 or side != 4 << k:
        raise ValueError(f"a DCGAN makes sides 8, 16, 32, 64, 128, …, not {side}")
    return k


def dcgan_initialise(network: nn.Module) -> None:
    """Radford et al. 2016, section 4: kernels from N(0, 0.02), gains from N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


class Generator(nn.Module):
    """DCGAN's generator (Radford et al. 2016, figure 1): latents (B, L) to images (B, C, S, S) in [-1, 1].

    Transposed convolutions double the side from 4 to S and halve the channels down to W.
    """

    def __init__(self, latent_size: int, channels: int, side: int, width: int) -> None:
        super().__init__()
        k = doublings(side)
        widths = [width << i for i in reversed(range(k))]  # W·2^(k-1) … W
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent_size, widths[0], 4, 1, 0, bias=False),
            GlobalBatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for wide, narrow in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False),
                GlobalBatchNorm2d(narrow),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        dcgan_initialise(self)

    def forward(self, latent: Tensor) -> Tensor:
        return self.layers(latent[:, :, None, None])


class Discriminator(nn.Module):
    """DCGAN's discriminator: images (B, C, S, S) in [-1, 1] to logits (B,).

    Strided convolutions halve the side down to 4 and double the channels from W; no normalisation in the
    first layer, LeakyReLU of slope 0.2.
    """

    def __init__(self, channels: int, side: int, width: int) -> None:
        super().__init__()
        k = doublings(side)
        widths = [width << i for i in range(k)]
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for narrow, wide in pairwise(widths):
            layers += [
                nn.Conv2d(narrow, wide, 4, 2, 1, bias=False),
                GlobalBatchNorm2d(wide),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        layers.append(nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False))
        self.layers = nn.Sequential(*layers)
        dcgan_initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).flatten()


def mlp_encoder(shape: tuple[int, int, int], hidden: int, outputs: int) -> nn.Module:
    """Images (B, C, H, W) to (B, outputs) through one hidden layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def mlp_decoder(latent_size: int, hidden: int, shape: tuple[int, int, int]) -> nn.Module:
    """Latents (B, L) to (B, C, H, W) through one hidden layer."""
    return nn.Sequential(
        nn.Linear(latent_size, hidden), nn.ReLU(), nn.Linear(hidden, prod(shape)), nn.Unflatten(1, shape)
    )


def conv_encoder(shape: tuple[int, int, int], width: int, hidden: int, outputs: int) -> nn.Module:
    """Images (B, C, H, W), H and W divisible by 4, to (B, outputs): two halvings and a hidden layer."""
    channels, height, side = shape
    flat = 2 * width * (height // 4) * (side // 4)
    return nn.Sequential(
        nn.Conv2d(channels, width, 4, 2, 1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 4, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(flat, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )


def conv_decoder(latent_size: int, width: int, hidden: int, shape: tuple[int, int, int]) -> nn.Module:
    """Latents (B, L) to (B, C, H, W), the mirror of `conv_encoder`."""
    channels, height, side = shape
    small = (2 * width, height // 4, side // 4)
    return nn.Sequential(
        nn.Linear(latent_size, hidden),
        nn.ReLU(),
        nn.Linear(hidden, prod(small)),
        nn.ReLU(),
        nn.Unflatten(1, small),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(width, channels, 4, 2, 1),
    )


def to_channels_last(network: nn.Module) -> nn.Module:
    """Lay kernels out with the channels of a pixel side by side: faster convolutions, same values."""
    return network.to(memory_format=torch.channels_last)
