"""What a transformer costs to train, from its sizes: arithmetic and memory."""

from __future__ import annotations

from typing import Any

from torch import nn

from genkit.nn.transformer import Block, Transformer


def flops_per_token(network: Transformer) -> float:
    """Floating-point operations of the forward and the backward pass for one token at a full context.

    6 for each weight of a matrix (a multiplication and an addition in the forward pass, in the gradient of
    the input and in that of the weight; without the last, 4, where the weight is frozen) and 12 L H E T for
    the products of attention, whose causal half is not left out: Chowdhery et al. 2022 (PaLM), appendix B.
    """
    config = network.config
    matrices = [layer.weight for layer in network.modules() if isinstance(layer, nn.Linear)]
    dense = sum((6 if weight.requires_grad else 4) * weight.numel() for weight in matrices)
    windows = [config.window_of(layer) or config.block_size for layer in range(config.n_layer)]
    seen = sum(min(window, config.block_size) for window in windows)
    return dense + 12 * config.n_head * config.head_width * seen


def activations_per_token(network: Transformer) -> float:
    """Bytes that the forward pass keeps for the backward pass, in float32, for one token.

    Each block keeps the inputs of its norms and matrices, of attention its queries, keys, values and result,
    and of the activation its input; the loss keeps its logits and their logarithms.  Dropout is left out.
    """
    config, kept = network.config, 2 * network.config.logits
    for block in network.blocks:
        assert isinstance(block, Block)
        hidden = block.feed_forward
        kept += 5 * config.n_embd + 2 * (config.n_head + config.kv_heads) * config.head_width
        kept += _outputs(hidden.up) + _inputs(hidden.down) * (2 if config.gated else 1)
    return 4.0 * kept


def scoring_per_token(network: Transformer) -> float:
    """Bytes that scoring takes at once, in float32, for one token: the logits and their logarithms, or what a
    feed-forward network computes beside the stream and its norm: a layer and its activation, which of two
    operations leaves one on its way."""
    block = network.blocks[0]
    assert isinstance(block, Block)
    hidden = block.feed_forward
    operations = 1 if network.config.activation.startswith("gelu") else 2
    inside = 2 * network.config.n_embd + _outputs(hidden.up) + operations * _inputs(hidden.down)
    return 4.0 * max(2 * network.config.logits + network.config.n_embd, inside)


def _outputs(layer: Any) -> int:
    return int(layer.out_features)


def _inputs(layer: Any) -> int:
    return int(layer.in_features)
