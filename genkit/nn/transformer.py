"""A decoder-only transformer whose blocks are chosen by configuration.

Legend: B batch, T tokens, D width, H heads, G key-value heads, E = D/H head width, V vocabulary, S context.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.attention import Attention, Surroundings, visibility
from genkit.nn.dense_layer import Dense
from genkit.nn.key_value_cache import KVCache
from genkit.nn.level_vectors import add_levels
from genkit.nn.rotary import angles
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
        return nn.RMSNorm(config.n_embd, eps=config.eps)
    return nn.LayerNorm(config.n_embd, eps=config.eps, bias=config.bias)


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
        hidden, bias = config.hidden_width, config.biased(config.mlp_bias)
        self.up = Dense(config.n_embd, 2 * hidden if config.gated else hidden, bias=bias)
        self.down = Dense(hidden, config.n_embd, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.down(activate(self.up(x), self.activation))
        return change


class Block(nn.Module):
    """Pre-norm residual block: attention, then the feed-forward network, or both at once."""

    def __init__(self, config: TransformerConfig, layer: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = make_norm(config), make_norm(config)
        self.attention, self.feed_forward = Attention(config, layer), FeedForward(config)
        self.dropout, self.parallel = nn.Dropout(config.dropout), config.parallel

    def forward(self, x: Tensor, around: Surroundings) -> Tensor:
        attended: Tensor = x + self.dropout(self.attention(self.norm_1(x), around))
        change: Tensor = self.dropout(self.feed_forward(self.norm_2(x if self.parallel else attended)))
        return attended + change


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
            self.cos: Tensor
            self.sin: Tensor
            for name, table in zip(("cos", "sin"), angles(config), strict=True):
                self.register_buffer(name, table, persistent=False)  # (S, F)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
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

    def features(
        self, tokens: Tensor, cache: KVCache | None = None, segments: Tensor | None = None
    ) -> Tensor:
        """Tokens (B, T) to the normed last hidden state (B, T, D); with a cache, they follow those in it.

        Args:
            segments: of which of several examples each token is, integers (B, T) that do not decrease: it
                sees that one alone, and places count anew in each.  Not beside a cache.
        """
        around, places = self.surroundings(tokens, cache, segments)
        x = self.tokens(tokens)
        if self.places is not None:
            x = x + self.places.weight[places]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, around)
        if cache is not None:
            cache.length += tokens.shape[1]
        features: Tensor = self.norm(x)
        return features

    def surroundings(
        self, tokens: Tensor, cache: KVCache | None, segments: Tensor | None = None
    ) -> tuple[Surroundings, Tensor | slice]:
        """What the blocks are told of the tokens, and the place of each."""
        T, device = tokens.shape[1], tokens.device
        start = 0 if cache is None else cache.length
        places: Tensor | slice = slice(start, start + T)
        if cache is not None and cache.padding is not None:
            places = (torch.arange(start, start + T, device=device) - cache.padding[:, None]).clamp_(0)
        elif segments is not None:
            places = places_within(segments)
        rotary = None
        if self.rotary:
            cos, sin = self.cos[places], self.sin[places]  # (T, F) or (B, T, F)
            rotary = (cos, sin) if cos.ndim == 2 else (cos.unsqueeze(1), sin.unsqueeze(1))
        windows = {self.config.window_of(layer) for layer in range(self.config.n_layer)}
        if cache is not None:
            visible = {window: cache.mask(T, window) for window in windows}
        else:
            visible = {window: visibility(segments, T, window, device) for window in windows}
        return Surroundings(rotary, cache, visible, start == 0), places

    def forward(
        self, tokens: Tensor, cache: KVCache | None = None, first: int = 0, segments: Tensor | None = None
    ) -> Tensor:
        """Tokens (B, T) to the logits of the ones after each from the place `first` on, (B, T - first, V)."""
        features = self.features(tokens, cache, segments)
        logits: Tensor = self.head(features[:, first:] if first else features)
        return logits


def places_within(segments: Tensor) -> Tensor:
    """The place of each token within its example, from 0, int64 (B, T) as the examples' numbers are."""
    place = torch.arange(segments.shape[1], device=segments.device).expand(segments.shape)
    begins = torch.ones_like(segments, dtype=torch.bool)
    begins[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return place - torch.where(begins, place, 0).cummax(1).values
