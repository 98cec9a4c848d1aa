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


class PlacesAttention(nn.Module):
    """x + attention(x): every place sees every other (Ho et al. 2020), whatever the number of axes.

    What comes out of the heads begins at 0, so the layer begins as the identity.

    Args:
        width: C, a multiple of the heads.
        heads: H; None: as few as have `HEAD` channels at most.
    """

    __call__: Callable[..., Tensor]

    def __init__(self, width: int, heads: int | None = None) -> None:
        super().__init__()
        fewest = -(-width // HEAD)
        self.heads = heads or next(n for n in range(fewest, width + 1) if width % n == 0)
        self.norm = group_norm(width)
        self.qkv, self.proj = Dense(width, 3 * width), Dense(width, width)
        nn.init.zeros_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S…) to the same."""
        B, C = x.shape[:2]
        places = self.norm(x).flatten(2).transpose(1, 2)  # (B, N, C)
        qkv = self.qkv(places).view(B, -1, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, H, N, C / H) each
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, -1, C)
        changed: Tensor = self.proj(found)
        return x + changed.transpose(1, 2).reshape(x.shape)
