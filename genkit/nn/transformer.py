"""A decoder-only transformer whose blocks are chosen by configuration: GPT-2's, or the modern ones.

Legend: B batch, T tokens, D width, H heads, G key-value heads, E = D/H head width, V vocabulary, S context.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.level_vectors import add_levels


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes and blocks.

    Attributes:
        vocab_size, block_size: V and S.
        outputs: the first of the tokens, which alone can come next; None for all.
        n_layer, n_head, n_embd: depth, H and D; H divides D.
        n_kv_head: G, a divisor of H (grouped-query attention, Ainslie et al. 2023); None for H.
        dropout: on embeddings, attention weights and both residual branches.
        bias: in linear layers and layer norms.
        norm: "layer" (Ba et al. 2016) or "rms" (Zhang and Sennrich 2019).
        activation: "gelu" (exact), "gelu_tanh" (GPT-2's), "relu2" (So et al. 2021), "swiglu" (Shazeer 2020).
        positions: "learned", "rotary" (Su et al. 2021), or "axial": rotary, and beside that a learned vector
            for the place along each axis, added up (Ho et al. 2019, section 3.2).
        level_vectors: beside its own a token has the sum of a vector for each level in it, coming in and
            going out (`genkit.nn.level_vectors`).
        grid, levels: of tokens that are patches of arrays: how many there are along each axis, the last
            running fastest, at the end of a context; and how many levels there are, in how many places.
        qk_norm: RMS-normalise queries and keys (Henry et al. 2020).
        tie: the output matrix is the embedding matrix, where every token can come next.
    """

    vocab_size: int
    block_size: int
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    n_kv_head: int | None = None
    dropout: float = 0.0
    bias: bool = False
    norm: str = "layer"
    activation: str = "gelu"
    positions: str = "learned"
    qk_norm: bool = False
    tie: bool = True
    outputs: int | None = None
    level_vectors: bool = False
    grid: tuple[int, ...] = ()
    levels: tuple[int, int] = (0, 0)

    @property
    def logits(self) -> int:
        """How many tokens can come next."""
        return self.outputs or self.vocab_size

    @property
    def head_width(self) -> int:
        return self.n_embd // self.n_head

    @property
    def kv_heads(self) -> int:
        return self.n_kv_head or self.n_head


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


class KVCache:
    """Keys and values of the tokens read so far, allocated once: (L, B, G, S, E) each, views of `pairs`.

    `length` tokens are filled.  `padding` (B,) counts the unused places at the left of each row, where
    prompts are shorter than the longest; None when there are none.
    """

    def __init__(self, config: TransformerConfig, batch: int, like: Tensor) -> None:
        shape = (config.n_layer, 2, batch, config.kv_heads, config.block_size, config.head_width)
        # Unfilled places are never looked at, so memory is taken up only as they fill.
        self.pairs = like.new_empty(shape)
        self.keys, self.values = self.pairs.unbind(1)
        self.length = 0
        self.padding: Tensor | None = None

    def mask(self, tokens: int) -> Tensor | None:
        """Which places the `tokens` newest tokens may look at, bool (B or 1, 1, tokens, length + tokens).

        None where every newest token sees everything so far.
        """
        if tokens == 1 and self.padding is None:
            return None
        end = self.length + tokens
        place = torch.arange(end, device=self.keys.device)
        visible = place[None, :] <= place[self.length :, None]  # causal, (tokens, end)
        if self.padding is None:
            return visible[None, None]
        visible = visible[None] & (place[None, None, :] >= self.padding[:, None, None])
        # A padding token may look at itself, so that its softmax is defined; nobody looks at it.
        visible = visible | (place[None, None, :] == place[None, self.length :, None])
        return visible[:, None]


def make_norm(config: TransformerConfig) -> nn.Module:
    if config.norm == "rms":
        return nn.RMSNorm(config.n_embd, eps=1e-6)
    return nn.LayerNorm(config.n_embd, bias=config.bias)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding: the two halves of each head are the real and imaginary parts (RoFormer, eq. 34)."""
    if torch.compiler.is_compiling():  # which fuses the plain formula, and fails at outputs that are views
        real, imaginary = x.chunk(2, dim=-1)
        return torch.cat((real * cos - imaginary * sin, real * sin + imaginary * cos), dim=-1)
    rotated: Tensor = _Rotation.apply(x, cos, sin)
    return rotated


class _Rotation(torch.autograd.Function):
    """A rotation, whose gradient is rotated back: four passes over the memory each way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotated(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _rotated(gradient, cos, -sin), None, None


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    real, imaginary = x.chunk(2, dim=-1)
    turned = torch.empty_like(x)
    first, second = turned.chunk(2, dim=-1)
    torch.mul(real, cos, out=first).addcmul_(imaginary, sin, value=-1)
    torch.mul(real, sin, out=second).addcmul_(imaginary, cos)
    return turned


def activate(h: Tensor, activation: str) -> Tensor:
    """The activation by its name; "swiglu" halves the width."""
    if activation == "swiglu":
        gate, value = h.chunk(2, dim=-1)
        return F.silu(gate) * value
    if activation == "relu2":
        return F.relu(h).square()
    return F.gelu(h, approximate="tanh" if activation == "gelu_tanh" else "none")


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
