"""A generator of moving pictures that makes what is seen once, and its path: what moves before what stands
still (VGAN; Vondrick et al. 2016), content apart from motion (MoCoGAN; Tulyakov et al. 2018).

Legend: B batch, C channels, S… sizes of the axes, L latent size.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from genkit.nn.picture_paths import DARK, LOUD, PlacePaths, moved
from genkit.nn.players import AnyGenerator


class MovingGenerator(nn.Module):
    """Latents (B, L) to arrays (B, C, S…) in [-1, 1]: a picture at its places, around it what stands still in
    all data, at first the dark.

    Args:
        picture: makes it, half as large as a frame.
        paths: of latents.
        shape: C, S….
    """

    __call__: Callable[..., Tensor]

    def __init__(self, picture: AnyGenerator, paths: PlacePaths, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.picture, self.paths = picture, paths
        self.still = nn.Parameter(torch.full(shape, DARK / LOUD))

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        clips = moved(self.picture.drawn(latent, labels), self.paths(latent))
        return (LOUD * self.still + clips.reshape(-1, *self.still.shape)).tanh()
