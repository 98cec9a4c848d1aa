"""Keys and values of tokens that were read, so that each is computed once.

Legend: B batch, L layers, G key-value heads, E head width, S context.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.nn.transformer_config import TransformerConfig


class KVCache:
    """Keys and values of the tokens read so far, allocated once: (L, B, G, S, E) each, views of `pairs`.

    `length` tokens are filled.  `padding` (B,) counts the unused places at the left of each row, where
    prompts are shorter than the longest; None when there are none.
    """

    def __init__(
        self,
        config: TransformerConfig,
        batch: int,
        like: Tensor,
        dtype: torch.dtype | None = None,
        context: int | None = None,
    ) -> None:
        self._config = config
        S = config.block_size if context is None else context
        # Unfilled places are never looked at, so memory is taken up only as they fill.
        shape = (config.n_layer, 2, batch, config.kv_heads, S, config.head_width)
        self.pairs = like.new_empty(shape, dtype=dtype)
        self.keys, self.values = self.pairs.unbind(1)
        self.length = 0
        self.padding: Tensor | None = None

    def extended(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keep those of new tokens, (B, G, T, E) each, and return them behind all of before."""
        end = self.length + keys.shape[2]
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def beside(self, batch: int, context: int) -> KVCache:
        """An empty one of as many layers for other rows."""
        return KVCache(self._config, batch, self.pairs, context=context)

    def take(self, other: KVCache, rows: list[int]) -> None:
        """Hold what another one does, of these rows of it, as often as they are named."""
        self.length = other.length
        self.pairs[:, :, :, :, : self.length] = other.pairs[:, :, rows, :, : self.length]

    def begin(self, beginning: KVCache) -> None:
        """Let every row begin, behind its padding, with the one row of another; filled as far as that is."""
        self.length = end = beginning.length
        one = beginning.pairs[:, :, 0, :, :end]  # (L, 2, G, T, E)
        padding = [0] * self.pairs.shape[2] if self.padding is None else self.padding.tolist()
        for row, before in enumerate(padding):
            before = min(before, end)
            self.pairs[:, :, row, :, :before] = 0  # not seen, but multiplied with 0, which a NaN is not
            self.pairs[:, :, row, :, before:end] = one[:, :, :, : end - before]

    def mask(self, tokens: int, window: int | None = None) -> Tensor | None:
        """Which places the `tokens` newest tokens may look at, bool (B or 1, 1, tokens, length + tokens).

        None where every newest token sees everything before it.

        Args:
            window: how many a token sees at most, itself included.
        """
        end = self.length + tokens
        window = end if window is None else min(window, end)
        if (tokens == 1 or self.length == 0) and self.padding is None and window == end:
            return None
        place = torch.arange(end, device=self.keys.device)
        visible = place[None, :] <= place[self.length :, None]  # causal, (tokens, end)
        if window < end:
            visible &= place[None, :] > place[self.length :, None] - window
        if self.padding is None:
            return visible[None, None]
        visible = visible[None] & (place[None, None, :] >= self.padding[:, None, None])
        # A padding token may look at itself, so that its softmax is defined; nobody looks at it.
        visible = visible | (place[None, None, :] == place[None, self.length :, None])
        return visible[:, None]
