"""Sizes and blocks of a transformer: GPT-2's, or those of others since.

Legend: D width, H heads, G key-value heads, E head width, V vocabulary, S context.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NORM_EPS = {"layer": 1e-5, "rms": 1e-6}


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes and blocks.

    Attributes:
        vocab_size, block_size: V and S.
        outputs: the first of the tokens, which alone can come next; None for all.
        n_layer, n_head, n_embd: depth, H and D; H divides D where `head_size` is None.
        n_kv_head: G, a divisor of H (grouped-query attention, Ainslie et al. 2023); None for H.
        head_size: E; None for D/H.
        hidden: width of the feed-forward network; None: 4 D, of the gated kind 8/3 D in whole 64s.
        dropout: on embeddings, attention weights and both residual branches.
        bias: in linear layers and layer norms.
        qkv_bias, proj_bias, mlp_bias: in the linear layers of queries, keys and values, of what attention
            puts out, and of the feed-forward network; None: as `bias` has it.
        norm: "layer" (Ba et al. 2016) or "rms" (Zhang and Sennrich 2019).
        norm_eps: what norms add to the mean square; None: 1e-5 of "layer", 1e-6 of "rms".
        activation: "gelu" (exact), "gelu_tanh" (GPT-2's), "relu2" (So et al. 2021), "swiglu" (Shazeer 2020).
        positions: "learned", "rotary" (Su et al. 2021), or "axial": rotary, and beside that a learned vector
            for the place along each axis, added up (Ho et al. 2019, section 3.2).
        rotary_base: θ, whose powers are the wave lengths; None for 10,000.
        rotary_share: of the entries of each head, the first of which are rotated.
        rotary_scaling: "linear", "llama3" or "yarn", for a context longer than that of a first training (see
            `genkit.nn.rotary.frequencies`); None for others.
        rotary_factor: how many times longer.
        rotary_original: the context of the first training; None for S / factor.
        rotary_low, rotary_high: a pair of entries that turns fewer times than `low` over the original context
            is stretched by the factor, one that turns more often than `high` is kept.
        rotary_attention: what YaRN multiplies cosines and sines with; None for 0.1 ln(factor) + 1.
        level_vectors: beside its own a token has the sum of a vector for each level in it, coming in and
            going out (`genkit.nn.level_vectors`).
        grid, levels: of tokens that are patches of arrays: how many there are along each axis, the last
            running fastest, at the end of a context; and how many levels there are, in how many places.
        qk_norm: RMS-normalise queries and keys (Henry et al. 2020).
        qk_scales: and scale each of their entries by a learned number, as Qwen3 has it.
        parallel: attention and feed-forward network read the same stream, each through its norm (GPT-J).
        window: tokens that a token sees, itself included (Beltagy et al. 2020); None for all.
        window_from: the first layer that has the window.
        tie: the output matrix is the embedding matrix, where every token can come next.
    """

    vocab_size: int
    block_size: int
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    n_kv_head: int | None = None
    head_size: int | None = None
    hidden: int | None = None
    dropout: float = 0.0
    bias: bool = False
    qkv_bias: bool | None = None
    proj_bias: bool | None = None
    mlp_bias: bool | None = None
    norm: str = "layer"
    norm_eps: float | None = None
    activation: str = "gelu"
    positions: str = "learned"
    rotary_base: float | None = None
    rotary_share: float = 1.0
    rotary_scaling: str | None = None
    rotary_factor: float = 1.0
    rotary_original: int | None = None
    rotary_low: float = 1.0
    rotary_high: float = 32.0
    rotary_attention: float | None = None
    qk_norm: bool = False
    qk_scales: bool = False
    parallel: bool = False
    window: int | None = None
    window_from: int = 0
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
        return self.head_size or self.n_embd // self.n_head

    @property
    def kv_heads(self) -> int:
        return self.n_kv_head or self.n_head

    @property
    def gated(self) -> bool:
        """Whether the feed-forward network has three matrices."""
        return self.activation == "swiglu"

    @property
    def hidden_width(self) -> int:
        """Of the feed-forward network."""
        return self.hidden or (64 * math.ceil(8 * self.n_embd / 3 / 64) if self.gated else 4 * self.n_embd)

    @property
    def eps(self) -> float:
        """What norms add to the mean square."""
        return NORM_EPS[self.norm] if self.norm_eps is None else self.norm_eps

    @property
    def base(self) -> float:
        """θ of rotary positions."""
        return 10000.0 if self.rotary_base is None else self.rotary_base

    @property
    def rotated(self) -> int:
        """Entries of a head that are rotated, R."""
        return int(self.head_width * self.rotary_share)

    @property
    def original_context(self) -> float:
        """Tokens that the first training read at once."""
        return self.rotary_original or self.block_size / self.rotary_factor

    @property
    def attention_scale(self) -> float:
        """What cosines and sines are multiplied with: of YaRN alone another number than 1."""
        if self.rotary_scaling != "yarn":
            return 1.0
        if self.rotary_attention is not None:
            return self.rotary_attention
        return 0.1 * math.log(self.rotary_factor) + 1 if self.rotary_factor > 1 else 1.0

    def biased(self, own: bool | None) -> bool:
        """Whether a linear layer has biases, by its own knob or by that of all."""
        return self.bias if own is None else own

    def window_of(self, layer: int) -> int | None:
        """Tokens that a token sees in this layer; None for all."""
        return self.window if layer >= self.window_from else None
