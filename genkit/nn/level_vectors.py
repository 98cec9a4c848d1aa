"""Vectors of tokens that are patches: of each the sum of its own and of one for every level in it.

A token of eight pixels that is rare, or never seen, is then known by its pixels, as a patch of an image is to
a transformer that embeds it linearly (Dosovitskiy et al. 2021, equation 1).

Legend: V tokens, D width, K places in a patch, L levels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization


class LevelVectors(nn.Module):
    """Rows (V, D) plus, of the first L^K, the vectors of their levels, the highest digit first."""

    def __init__(self, levels: int, places: int, tokens: int, width: int) -> None:
        super().__init__()
        self.levels = nn.Parameter(torch.zeros(places * levels, width))
        ids = torch.arange(levels**places)[:, None]
        digits = ids // levels ** torch.arange(places - 1, -1, -1) % levels  # (L^K, K)
        which = torch.zeros(tokens, places, levels)
        which[: len(ids)] = nn.functional.one_hot(digits, levels).float()
        self.which: Tensor
        self.register_buffer("which", which.flatten(1), persistent=False)  # (V, K·L)

    def forward(self, own: Tensor) -> Tensor:
        return own + self.which @ self.levels


def add_levels(layer: nn.Embedding | nn.Linear, levels: int, places: int) -> None:
    """Let the rows of a layer's matrix be such sums.  The vectors of levels begin at 0."""
    register_parametrization(layer, "weight", LevelVectors(levels, places, *layer.weight.shape))
