"""Self-attention among the places of an array.

Legend: B batch, C channels, S… sizes of the axes, N places, H heads.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.dense_layer import Dense
from genkit.nn.residual_block import group_norm

HEAD = 64  # channels of a head, at most, where nobody chose


def heads_of(width: int) -> int:
    """The fewest heads that have `HEAD` channels each at most, in equal parts."""
    return next(heads for heads in range(-(-width // HEAD), width + 1) if width % heads == 0)


def attended(qkv: Tensor, heads: int) -> Tensor:
    """What each of N places finds among all: queries, keys and values (B, N, 3 C) to (B, N, C)."""
    B, N, _ = qkv.shape
    q, k, v = qkv.view(B, N, 3, heads, -1).permute(2, 0, 3, 1, 4)  # (B, H, N, C / H) each
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, N, -1)


class PlacesAttention(nn.Module):
    """x + attention(x): every place sees every other (Ho et al. 2020), whatever the number of axes.

    What comes out of the heads begins at 0, so the layer begins as the identity.

    Args:
        width: C, a multiple of the heads.
        heads: H; None: see `heads_of`.
    """

    __call__: Callable[..., Tensor]

    def __init__(self, width: int, heads: int | None = None) -> None:
        super().__init__()
        self.heads = heads or heads_of(width)
        self.norm = group_norm(width)
        self.qkv, self.proj = Dense(width, 3 * width), Dense(width, width)
        nn.init.zeros_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S…) to the same."""
        places = self.norm(x).flatten(2).transpose(1, 2)  # (B, N, C)
        changed: Tensor = self.proj(attended(self.qkv(places), self.heads))
        return x + changed.transpose(1, 2).reshape(x.shape)
