"""Causal self-attention.

Legend: B batch, T tokens, D width, H heads, G key-value heads, E = D/H head width, V vocabulary, S context.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.key_value_cache import KVCache
from genkit.nn.rotary import rotate
from genkit.nn.transformer_config import TransformerConfig


class Attention(nn.Module):
    """Causal multi-head self-attention with one fused projection for queries, keys and values."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.width = config.n_head, config.kv_heads, config.head_width
        self.dropout, self.qk_norm = config.dropout, config.qk_norm
        self.qkv = nn.Linear(config.n_embd, (self.heads + 2 * self.kv_heads) * self.width, bias=config.bias)
        self.proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)

    def forward(
        self,
        x: Tensor,
        rotary: tuple[Tensor, Tensor] | None,
        cache: KVCache | None,
        layer: int,
        mask: Tensor | None,
    ) -> Tensor:
        B, T, D = x.shape
        H, G, E = self.heads, self.kv_heads, self.width
        # What queries and keys have in common is done to both at once.
        qk, v = self.qkv(x).view(B, T, H + 2 * G, E).transpose(1, 2).split((H + G, G), dim=1)  # (B, ·, T, E)
        if self.qk_norm:
            qk = F.rms_norm(qk, (E,))
        if rotary is not None:
            qk = rotate(qk, *rotary)
        q, k = qk.split((H, G), dim=1)
        causal = True
        if cache is not None:
            end = cache.length + T
            cache.keys[layer, :, :, cache.length : end] = k
            cache.values[layer, :, :, cache.length : end] = v
            k, v = cache.keys[layer, :, :, :end], cache.values[layer, :, :, :end]
            causal = False
        y = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=causal,
            enable_gqa=G != H,
        )
        mixed: Tensor = self.proj(y.transpose(1, 2).reshape(B, T, D))
        return mixed
