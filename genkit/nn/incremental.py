"""Tokens through a transformer while drawing, as fast as its weights can be read.

`Transformer.forward` says what the network computes; a `Stepper` computes the same without modules and
autograd: of prompts at once, and then of a single new token a row, from weights laid out for so few rows.

Legend: B batch, T tokens, D width, H heads, G key-value heads, E head width, V vocabulary, S context.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.attention import Attention
from genkit.nn.key_value_cache import KVCache
from genkit.nn.products import Added, Map, Products, computed_in
from genkit.nn.rotary import rotated
from genkit.nn.transformer import Block, Transformer


@dataclass(frozen=True)
class Layer:
    """A block as functions of rows (N, D)."""

    attention: Attention
    norm_1: Map
    norm_2: Map
    qkv: Map
    proj: Added
    up: Map
    down: Added


class Layers:
    """The blocks, the last norm and the head as functions of rows, by `Products`."""

    def __init__(self, network: Transformer, products: Products) -> None:
        self.inner = products.inner
        self.norm, self.head = _norm(network.norm), products.product(network.head)
        self.blocks = [_layer(block, products) for block in network.blocks if isinstance(block, Block)]

    def logits(self, x: Tensor) -> Tensor:
        """Of rows (N, D) behind the last block, float32 (N, V)."""
        return self.head(self.norm(x).to(self.inner)).float()


def _layer(block: Block, products: Products) -> Layer:
    attention, feed_forward = block.attention, block.feed_forward
    return Layer(
        attention=attention,
        norm_1=_norm(block.norm_1),
        norm_2=_norm(block.norm_2),
        qkv=products.product(attention.qkv),
        proj=products.added(attention.proj),
        up=products.activated(feed_forward.up, feed_forward.activation),
        down=products.added(feed_forward.down),
    )


class Stepper:
    """The network for prompts, then for one new token a row, over a cache that holds what came before.

    Args:
        network: its weights are taken as they are; they are not to change while it is used.
        cache: each step adds a token to every row.
        precision: of the matrices and of what is multiplied with them, one of `PRECISIONS`.  Sums and norms
            are float32, and so is what is read at once beside int8.  On a CPU without instructions for
            bfloat16 (AVX2 alone) only the matrices of steps are rounded to it.
    """

    def __init__(self, network: Transformer, cache: KVCache, precision: str = "float32") -> None:
        self.cache = cache
        self._network, self._attention = network, _Attention(network, cache)
        self._precision = computed_in(precision, cache.keys.device)

    @cached_property
    def _reading(self) -> Layers:
        """For many rows; of bfloat16 they are the same as for few, and laid out once."""
        if self._precision == "bfloat16":
            return self._stepping
        return Layers(self._network, Products("float32", None))

    @cached_property
    def _stepping(self) -> Layers:
        rows = self.cache.keys.shape[1]
        if rows == 1 and self._precision == "float32":
            return self._reading  # as they lie
        return Layers(self._network, Products(self._precision, rows))

    def read(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """Tokens (B, T) to the logits behind the last of them, (B, V).

        Args:
            cache: what they follow, and are added to; the own one unless given.
        """
        network, layers, cache = self._network, self._reading, cache or self.cache
        around, places = network.surroundings(tokens, cache)
        x = network.tokens(tokens).float()  # (B, T, D)
        if network.places is not None:
            x = x + network.places.weight[places]
        B, T, D = x.shape
        x = x.view(-1, D)
        for layer in layers.blocks:
            qkv = layer.qkv(layer.norm_1(x).to(layers.inner)).float().view(B, T, -1)
            y = layer.attention.attend(qkv, around).reshape(B * T, -1)
            attended = layer.proj(y.to(layers.inner), x)
            read = x if network.config.parallel else attended
            x = layer.down(layer.up(layer.norm_2(read).to(layers.inner)), attended)
        cache.length += T
        return layers.logits(x.view(B, T, D)[:, -1])

    def __call__(self, tokens: Tensor) -> Tensor:
        """Tokens (B,) to the logits of the next ones (B, V)."""
        attention, layers, parallel = self._attention, self._stepping, self._network.config.parallel
        inner = layers.inner
        x = attention.begin(tokens)  # (B, D)
        for number, layer in enumerate(layers.blocks):
            y = attention(layer.qkv(layer.norm_1(x).to(inner)), number)
            attended = layer.proj(y.to(inner), x)
            x = layer.down(layer.up(layer.norm_2(x if parallel else attended).to(inner)), attended)
        self.cache.length += 1
        return layers.logits(x)


class _Attention:
    """What the layers of one step share: the place, its rotation, and which keys each row may see."""

    def __init__(self, network: Transformer, cache: KVCache) -> None:
        config = network.config
        self._network, self._cache = network, cache
        self._tokens = network.tokens.weight
        self._places = None if network.places is None else network.places.weight
        self._heads, self._kv_heads, self._width = config.n_head, config.kv_heads, config.head_width
        self._qk_norm, self._scale = config.qk_norm, config.head_width**-0.5
        self._eps, self._scales = config.eps, _scales(network)
        self._windows = [config.window_of(layer) or config.block_size for layer in range(config.n_layer)]
        self._nothing = torch.zeros(1, 1, 1, device=cache.keys.device)
        # Narrow keys and values are widened layer by layer: that takes half the memory and reads half of it,
        # and what is summed has the cache's rounding alone.
        B, G, S, E = cache.keys.shape[1:]
        narrow = cache.keys.dtype != torch.float32
        self._wide = torch.empty(2, B * G, S, E, device=cache.keys.device) if narrow else None
        self._padding: Tensor | None = None
        self._hidden: Tensor | None = None  # (B·G, 1, S): -inf at the padding of each row

    def begin(self, tokens: Tensor) -> Tensor:
        """Embed the tokens (B,) at their places, (B, D)."""
        network, cache = self._network, self._cache
        place: int | Tensor = cache.length
        self._new = cache.pairs[:, :, :, :, place].unbind()  # (2, B, G, E) a layer
        self._pairs = cache.pairs[:, :, :, :, : place + 1].flatten(2, 3).unbind()  # (2, B·G, T, E) a layer
        self._mask: Tensor | None = None
        if cache.padding is not None:
            self._mask = self._hide(cache.padding)[..., : cache.length + 1]
            place = cache.length - cache.padding  # (B,)
        x = self._tokens[tokens].float()
        self._rotary: tuple[Tensor, Tensor] | None = None
        if self._places is not None:
            x = x + self._places[place]
        if network.rotary:
            cos, sin = network.cos[place], network.sin[place]  # (E/2,) or (B, E/2)
            self._rotary = (cos, sin) if cos.ndim == 1 else (cos[:, None], sin[:, None])
        return x

    def _hide(self, padding: Tensor) -> Tensor:
        if self._hidden is None or self._padding is not padding:
            places = torch.arange(self._cache.keys.shape[3], device=padding.device)
            hidden = places < padding.repeat_interleave(self._kv_heads)[:, None, None]
            self._hidden = torch.zeros(hidden.shape, device=padding.device).masked_fill_(hidden, -torch.inf)
            self._padding = padding
        return self._hidden

    def __call__(self, qkv: Tensor, layer: int) -> Tensor:
        """Projections (B, (H + 2 G) E) of one layer to the heads' results (B, H E)."""
        H, G, E = self._heads, self._kv_heads, self._width
        qkv = qkv.float().view(-1, H + 2 * G, E)
        if self._qk_norm or self._rotary is not None:
            qkv = torch.cat((self._turned(qkv[:, : H + G], layer), qkv[:, H + G :]), dim=1)
        q, kv = qkv.split_with_sizes((H, 2 * G), dim=1)
        self._new[layer].copy_(kv.view(-1, 2, G, E).transpose(0, 1))
        # The heads of a group are its queries: as many rows, none of which needs a mask of its own.
        q = q.reshape(-1, H // G, E)
        # Two products read the cache a little faster than a fused kernel, made for many queries a head, does.
        pair = self._pairs[layer]
        mask, beta = (self._nothing, 0) if self._mask is None else (self._mask, 1)
        if (out := pair.shape[2] - self._windows[layer]) > 0:  # what the window has left behind
            pair = pair[:, :, out:]
            mask = mask[..., out:] if beta else mask
        if self._wide is not None:
            pair = self._wide[:, :, : pair.shape[2]].copy_(pair)
        keys, values = pair.unbind()
        scores = torch.baddbmm(mask, q, keys.mT, beta=beta, alpha=self._scale)  # (B·G, H/G, T)
        return torch.bmm(scores.softmax(-1), values).view(-1, H * E)

    def _turned(self, qk: Tensor, layer: int) -> Tensor:
        """Queries and keys (B, H + G, E) normalised and rotated, where the network does."""
        if self._scales:
            qk = F.rms_norm(qk, (self._width,), eps=self._eps) * self._scales[layer]
        elif self._qk_norm:
            qk = F.rms_norm(qk, (self._width,))
        return qk if self._rotary is None else rotated(qk, *self._rotary)


def _scales(network: Transformer) -> list[Tensor]:
    """What normalised queries and keys of each layer are multiplied with, (H + G, E); [] where not at all."""
    layers = [block.attention for block in network.blocks if isinstance(block, Block)]
    return [attention.scales_of_heads().detach() for attention in layers if attention.scales]


def _norm(norm: nn.Module) -> Map:
    """The normalisation as a function."""
    if isinstance(norm, nn.LayerNorm):
        shape, weight, bias, eps = norm.normalized_shape, norm.weight, norm.bias, norm.eps
        return lambda x: torch.layer_norm(x, shape, weight, bias, eps)
    return norm
