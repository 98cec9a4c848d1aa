"""A decoder-only transformer whose blocks are chosen by configuration.

Legend: B batch, T tokens, D width, H heads, G key-value heads, E = D/H head width, V vocabulary, S context.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.attention import Attention
from genkit.nn.key_value_cache import KVCache
from genkit.nn.level_vectors import add_levels
from genkit.nn.transformer_config import TransformerConfig


class AxialPlaces(nn.Module):
    """Vectors of places: of each the sum of one for its place along every axis.

    A token is at the place of what comes next.

    Args:
        grid: places along each axis.
        context: S, no less than there are places.
        width: D.
    """

    def __init__(self, grid: tuple[int, ...], context: int, width: int) -> None:
        super().__init__()
        self.before = context - math.prod(grid)
        self.tables = nn.ParameterList(torch.empty(size, width) for size in grid)

    @property
    def weight(self) -> Tensor:
        """(S, D), as an embedding has it; 0 of tokens before the first of the grid."""
        total = self.tables[0]
        for table in self.tables[1:]:
            total = total[..., None, :] + table  # (…, size, D)
        return F.pad(total.flatten(0, -2), (0, 0, self.before, 0))


def make_norm(config: TransformerConfig) -> nn.Module:
    if config.norm == "rms":
        return nn.RMSNorm(config.n_embd, eps=1e-6)
    return nn.LayerNorm(config.n_embd, bias=config.bias)


def activate(h: Tensor, activation: str) -> Tensor:
    """The activation by its name; "swiglu" halves the width."""
    if activation == "swiglu":
        gate, value = h.chunk(2, dim=-1)
        return F.silu(gate) * value
    if activation == "relu2":
        return F.relu(h).square()
    return F.gelu(h, approximate="tanh" if activation == "gelu_tanh" else "none")


class FeedForward(nn.Module):
    """Position-wise network, 4 D wide (8/3 D for the gated kind, which has three matrices)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.activation = config.activation
        gated = config.activation == "swiglu"
        hidden = 64 * math.ceil(8 * config.n_embd / 3 / 64) if gated else 4 * config.n_embd
        self.up = nn.Linear(config.n_embd, 2 * hidden if gated else hidden, bias=config.bias)
        self.down = nn.Linear(hidden, config.n_embd, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.down(activate(self.up(x), self.activation))
        return change


class Block(nn.Module):
    """Pre-norm residual block: attention, then the feed-forward network."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = make_norm(config), make_norm(config)
        self.attention, self.feed_forward = Attention(config), FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Tensor,
        rotary: tuple[Tensor, Tensor] | None,
        cache: KVCache | None,
        layer: int,
        mask: Tensor | None,
    ) -> Tensor:
        x = x + self.dropout(self.attention(self.norm_1(x), rotary, cache, layer, mask))
        change: Tensor = self.dropout(self.feed_forward(self.norm_2(x)))
        return x + change


class Transformer(nn.Module):
    """Tokens (B, T) to the logits of each next token (B, T, V)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.n_embd)
        self.places: nn.Embedding | AxialPlaces | None = None
        self.rotary = config.positions != "learned"
        if config.positions == "learned":
            self.places = nn.Embedding(config.block_size, config.n_embd)
        else:
            if config.positions == "axial":
                self.places = AxialPlaces(config.grid, config.block_size, config.n_embd)
            angles = torch.outer(
                torch.arange(config.block_size),
                10000.0 ** -torch.linspace(0, 1, config.head_width // 2 + 1)[:-1],
            )
            self.cos: Tensor
            self.sin: Tensor
            self.register_buffer("cos", angles.cos(), persistent=False)  # (S, E/2)
            self.register_buffer("sin", angles.sin(), persistent=False)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm = make_norm(config)
        self.head = nn.Linear(config.n_embd, config.logits, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self._initialise()
        if config.level_vectors:
            for layer in (self.tokens, self.head):
                add_levels(layer, *config.levels)
        if config.tie and config.logits == config.vocab_size:
            self.head.weight = self.tokens.weight

    def _initialise(self) -> None:
        """GPT-2: N(0, 0.02), the projections into the residual stream scaled by 1/√(2L)."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                residual = name.endswith(("proj.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * self.config.n_layer) if residual else 1))

    def features(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """Tokens (B, T) to the normed last hidden state (B, T, D); with a cache, they follow those in it."""
        T = tokens.shape[1]
        start = cache.length if cache is not None else 0
        x = self.tokens(tokens)
        rotary = None
        if cache is not None and cache.padding is not None:
            places = (torch.arange(start, start + T, device=tokens.device) - cache.padding[:, None]).clamp_(0)
            if self.places is not None:
                x = x + self.places.weight[places]
            if self.rotary:
                rotary = self.cos[places].unsqueeze(1), self.sin[places].unsqueeze(1)  # (B, 1, T, E/2)
        else:
            if self.places is not None:
                x = x + self.places.weight[start : start + T]
            if self.rotary:
                rotary = self.cos[start : start + T], self.sin[start : start + T]
        mask = cache.mask(T) if cache is not None else None
        x = self.dropout(x)
        for layer, block in enumerate(self.blocks):
            x = block(x, rotary, cache, layer, mask)
        if cache is not None:
            cache.length += T
        features: Tensor = self.norm(x)
        return features

    def forward(self, tokens: Tensor, cache: KVCache | None = None, first: int = 0) -> Tensor:
        """Tokens (B, T) to the logits of the ones after each from the place `first` on, (B, T - first, V)."""
        features = self.features(tokens, cache)
        logits: Tensor = self.head(features[:, first:] if first else features)
        return logits
