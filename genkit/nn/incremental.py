"""One token a row through a transformer, as fast as its weights can be read.

`Transformer.forward` says what the network computes; a `Stepper` computes the same for a single new token:
without modules, autograd and masks, from weights laid out once for products with so few rows.  At batch 1 the
time is that of reading the weights, so narrower weights are faster in proportion.

Legend: B batch, D width, H heads, G key-value heads, E head width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.key_value_cache import KVCache
from genkit.nn.lora import dense
from genkit.nn.rotary import rotate
from genkit.nn.transformer import Block, Transformer, activate

PRECISIONS = ("float32", "bfloat16", "int8")
# Matrices rounded to bfloat16 and multiplied in float32, for processors without instructions for bfloat16.
ROUNDED = "rounded"
WIDE = ("float32", ROUNDED)  # whose products are of float32
FUSED = {"gelu": "none", "gelu_tanh": "tanh"}  # our activations, and what oneDNN calls them
Map = Callable[[Tensor], Tensor]  # (B, in) to (B, out)
has_mkldnn: Callable[[], bool] = torch.backends.mkldnn.is_available
Added = Callable[[Tensor, Tensor], Tensor]  # (B, in) and a stream (B, out) to their sum behind the matrix


class Stepper:
    """The network for one new token a row, over a cache that holds what came before.

    Args:
        network: its weights are taken as they are now; later changes are not seen.
        cache: as the network filled it; each step adds a token to every row.
        precision: of the matrices and of what is multiplied with them, one of `PRECISIONS`.  Sums, norms,
            the cache and what the network reads at once stay in float32; on a CPU without instructions for
            bfloat16 (AVX2 alone) only the matrices are rounded to it.
    """

    def __init__(self, network: Transformer, cache: KVCache, precision: str = "float32") -> None:
        rows = cache.keys.shape[1]
        if precision == "bfloat16" and not _multiplies_bfloat16(cache.keys.device):
            precision = ROUNDED
        self._cache = cache
        self._attention = _Attention(network, cache)
        self._inner = torch.float32 if precision in WIDE else torch.bfloat16
        self._norm, self._head = _norm(network.norm), _product(network.head, rows, precision)
        self._parallel, self._layers = network.config.parallel, []
        for block in network.blocks:
            assert isinstance(block, Block)
            attention, feed_forward = block.attention, block.feed_forward
            qkv, proj = _product(attention.qkv, rows, precision), _added(attention.proj, rows, precision)
            up = _activated(feed_forward.up, rows, precision, network.config.activation)
            down = _added(feed_forward.down, rows, precision)
            self._layers.append((_norm(block.norm_1), _norm(block.norm_2), qkv, proj, up, down))

    def __call__(self, tokens: Tensor) -> Tensor:
        """Tokens (B,) to the logits of the next ones (B, V)."""
        attention, inner = self._attention, self._inner
        x = attention.begin(tokens)  # (B, D)
        for layer, (norm_1, norm_2, qkv, proj, up, down) in enumerate(self._layers):
            y = attention(qkv(norm_1(x).to(inner)), layer)
            attended = proj(y.to(inner), x)
            x = down(up(norm_2(x if self._parallel else attended).to(inner)), attended)
        self._cache.length += 1
        return self._head(self._norm(x).to(inner)).float()


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
        self._nothing = cache.keys.new_zeros(1, 1, 1)
        self._padding: Tensor | None = None
        self._hidden: Tensor | None = None  # (B·G, 1, S): -inf at the padding of each row

    def begin(self, tokens: Tensor) -> Tensor:
        """Embed the tokens (B,) at their places, (B, D)."""
        network, cache = self._network, self._cache
        place: int | Tensor = cache.length
        self._new = cache.pairs[:, :, :, :, place].unbind()  # (2, B, G, E) a layer
        keys, values = cache.pairs[:, :, :, :, : place + 1].flatten(2, 3).unbind(1)  # (L, B·G, T, E)
        self._keys, self._values = keys.mT.unbind(), values.unbind()
        self._mask: Tensor | None = None
        if cache.padding is not None:
            self._mask = self._hide(cache.padding)[..., : cache.length + 1]
            place = cache.length - cache.padding  # (B,)
        x = self._tokens[tokens]
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
        keys, values = self._keys[layer], self._values[layer]
        mask, beta = (self._nothing, 0) if self._mask is None else (self._mask, 1)
        if (out := values.shape[1] - self._windows[layer]) > 0:  # what the window has left behind
            keys, values = keys[..., out:], values[:, out:]
            mask = mask[..., out:] if beta else mask
        scores = torch.baddbmm(mask, q, keys, beta=beta, alpha=self._scale)  # (B·G, H/G, T)
        return torch.bmm(scores.softmax(-1), values).view(-1, H * E)

    def _turned(self, qk: Tensor, layer: int) -> Tensor:
        """Queries and keys (B, H + G, E) normalised and rotated, where the network does."""
        if self._scales:
            qk = F.rms_norm(qk, (self._width,), eps=self._eps) * self._scales[layer]
        elif self._qk_norm:
            qk = F.rms_norm(qk, (self._width,))
        return qk if self._rotary is None else rotate(qk, *self._rotary)


def _scales(network: Transformer) -> list[Tensor]:
    """What normalised queries and keys of each layer are multiplied with, (H + G, E); [] where not at all."""
    layers = [block.attention for block in network.blocks if isinstance(block, Block)]
    return [attention.scales_of_heads().detach() for attention in layers if attention.scales]


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type != "cpu":
        return True
    return has_mkldnn() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _norm(norm: nn.Module) -> Map:
    """The normalisation as a function."""
    if isinstance(norm, nn.LayerNorm):
        shape, weight, bias, eps = norm.normalized_shape, norm.weight, norm.bias, norm.eps
        return lambda x: torch.layer_norm(x, shape, weight, bias, eps)
    return norm


def _product(layer: nn.Module, rows: int, precision: str) -> Map:
    """The linear layer for inputs of `rows` rows; in and out are bfloat16 unless the precision is of `WIDE`.

    int8 has a scale for each output (symmetric, rounded to the nearest), and sums in float32.
    """
    weight, bias = _matrix(layer, precision)
    if precision == "int8":
        scale = (weight.abs().amax(1) / 127).clamp(min=1e-12)
        integers = (weight / scale[:, None]).round().to(torch.int8)
        scales = scale.bfloat16()
        if bias is None:
            return lambda x: torch._weight_int8pack_mm(x, integers, scales)
        return lambda x: torch._weight_int8pack_mm(x, integers, scales) + bias
    if (blocked := _blocked(weight, rows)) is not None:
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, blocked, bias, "none", [], "")
    if rows > 1:
        return partial(F.linear, weight=weight, bias=bias)
    transposed = weight.t().contiguous()  # a row times a matrix reads it in order
    return partial(torch.mm, mat2=transposed) if bias is None else partial(torch.addmm, bias, mat2=transposed)


def _activated(layer: nn.Module, rows: int, precision: str, activation: str) -> Map:
    """The linear layer and the activation after it, in one pass where a kernel has both."""
    weight, bias = _matrix(layer, precision)
    fuses = activation in FUSED and precision != "int8"
    if fuses and (blocked := _blocked(weight, rows)) is not None:
        how = FUSED[activation]
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, blocked, bias, "gelu", [], how)
    product = _product(layer, rows, precision)
    return lambda x: activate(product(x), activation)


def _added(layer: nn.Module, rows: int, precision: str) -> Added:
    """The linear layer, its output added to a float32 stream, in one pass where a kernel has both."""
    weight, bias = _matrix(layer, precision)
    if precision in WIDE and (blocked := _blocked(weight, rows)) is not None:
        return lambda x, stream: torch.ops.mkldnn._linear_pointwise.binary(x, stream, blocked, bias, "add")
    if precision in WIDE and bias is None:
        transposed = weight.t().contiguous()
        return lambda x, stream: torch.addmm(stream, x, transposed)
    product = _product(layer, rows, precision)
    return lambda x, stream: stream + product(x)


def _matrix(layer: nn.Module, precision: str) -> tuple[Tensor, Tensor | None]:
    """Weight and bias; those of int8 products are rounded by themselves, after float32."""
    weight, bias = dense(layer)
    inner = torch.float32 if precision in WIDE else torch.bfloat16
    if precision == ROUNDED:
        weight = weight.bfloat16()
    weight = weight.float() if precision == "int8" else weight.to(inner)
    return weight, None if bias is None else bias.to(inner)


def _blocked(weight: Tensor, rows: int) -> Tensor | None:
    """A matrix in oneDNN's blocked layout, which its products would otherwise make anew at each call.

    None off the CPU, and for one row in float32, which reads a plain matrix as fast.
    """
    if weight.device.type != "cpu" or not has_mkldnn():
        return None
    if rows == 1 and weight.dtype == torch.float32:
        return None
    blocked: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
    return blocked
