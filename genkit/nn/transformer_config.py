"""Sizes and blocks of a transformer: GPT-2's, or the modern ones.

Legend: B batch, T tokens, D width, H heads, G key-value heads, E = D/H head width, V vocabulary, S context.
"""

from __future__ import annotations

from dataclasses import dataclass


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
