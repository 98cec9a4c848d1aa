"""Causal self-attention, and which tokens see which.

Legend: B batch, T tokens, D width, H heads, G key-value heads, E head width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.dense_layer import Dense
from genkit.nn.key_value_cache import KVCache
from genkit.nn.rotary import rotate
from genkit.nn.transformer_config import TransformerConfig


@dataclass(frozen=True)
class Surroundings:
    """What all blocks are told of the tokens that they read.

    Attributes:
        rotary: cosines and sines of their places, (T, F) or (B, 1, T, F) each; None without rotation.
        cache: what was read before, and is read on; None: nothing.
        visible: by the window of a layer, which tokens each sees, bool (B or 1, 1, T, all); None: all before
            it, or of a cache all.
        begins: whether nothing was read before them.
    """

    rotary: tuple[Tensor, Tensor] | None
    cache: KVCache | None
    visible: dict[int | None, Tensor | None]
    begins: bool = True


def visibility(
    segments: Tensor | None, tokens: int, window: int | None, device: torch.device
) -> Tensor | None:
    """Which tokens each of T sees, bool (B or 1, 1, T, T); None where it is all before it.

    Args:
        segments: of which example each is, (B, T): the others' tokens are not seen.
        window: how many a token sees at most, itself included.
    """
    if segments is None and (window is None or window >= tokens):
        return None
    place = torch.arange(tokens, device=device)
    back = place[:, None] - place[None, :]  # (T, T)
    seen = (back >= 0) & (back < (window or tokens))
    if segments is None:
        return seen[None, None]
    return (seen & (segments[:, :, None] == segments[:, None, :]))[:, None]


class Attention(nn.Module):
    """Causal multi-head self-attention with one fused projection for queries, keys and values."""

    def __init__(self, config: TransformerConfig, layer: int) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.width = config.n_head, config.kv_heads, config.head_width
        self.dropout, self.qk_norm, self.eps = config.dropout, config.qk_norm, config.eps
        self.layer, self.window = layer, config.window_of(layer)
        projected = (self.heads + 2 * self.kv_heads) * self.width
        self.qkv = Dense(config.n_embd, projected, bias=config.biased(config.qkv_bias))
        self.proj = Dense(self.heads * self.width, config.n_embd, bias=config.biased(config.proj_bias))
        self.scales = config.qk_norm and config.qk_scales
        if self.scales:
            self.q_scale = nn.Parameter(torch.ones(self.width))
            self.k_scale = nn.Parameter(torch.ones(self.width))

    def scales_of_heads(self) -> Tensor:
        """What each entry of normalised queries and keys is multiplied with, (H + G, E)."""
        of_kinds = ((self.q_scale, self.heads), (self.k_scale, self.kv_heads))
        return torch.cat([scale.expand(heads, self.width) for scale, heads in of_kinds])

    def _normed(self, qk: Tensor) -> Tensor:
        """Queries and keys (B, H + G, T, E), normalised where the network does."""
        if not self.qk_norm:
            return qk
        if not self.scales:
            return F.rms_norm(qk, (self.width,))
        return F.rms_norm(qk, (self.width,), eps=self.eps) * self.scales_of_heads()[:, None]

    def forward(self, x: Tensor, around: Surroundings) -> Tensor:
        mixed: Tensor = self.proj(self.attend(self.qkv(x), around))
        return mixed

    def attend(self, qkv: Tensor, around: Surroundings) -> Tensor:
        """What is projected of the tokens, (B, T, (H + 2 G) E), to what the heads find, (B, T, H E)."""
        B, T, _ = qkv.shape
        H, G, E = self.heads, self.kv_heads, self.width
        # What queries and keys have in common is done to both at once.
        qk, v = qkv.view(B, T, H + 2 * G, E).transpose(1, 2).split((H + G, G), dim=1)  # (B, ·, T, E)
        qk = self._normed(qk)
        if around.rotary is not None:
            qk = rotate(qk, *around.rotary)
        q, k = qk.split((H, G), dim=1)
        if around.cache is not None:
            k, v = around.cache.extended(self.layer, k, v)
        visible = around.visible[self.window]
        y = F.scaled_dot_product_attention(
            q.to(k.dtype),
            k,
            v,
            attn_mask=visible,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=visible is None and around.begins,
            enable_gqa=G != H,
        )
        return y.transpose(1, 2).reshape(B, T, H * E)
