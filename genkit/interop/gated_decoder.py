"""What Llama and those after it have in common: RMS norms, rotary positions, gated feed-forward networks.

Nothing here imports torch.
"""

from __future__ import annotations

from genkit.interop import rotary_json
from genkit.interop.architecture import rows
from genkit.interop.model_json import ModelJson
from genkit.nn.transformer_config import TransformerConfig

OUTER = {
    "tokens": rows("model.embed_tokens"),
    "norm": rows("model.norm"),
    "head": rows("lm_head"),
}
BLOCKS = "model.layers.{}."
INNER = {
    "norm_1": rows("input_layernorm"),
    "attention.qkv": rows("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention.proj": rows("self_attn.o_proj"),
    "norm_2": rows("post_attention_layernorm"),
    "feed_forward.up": rows("mlp.gate_proj", "mlp.up_proj"),
    "feed_forward.down": rows("mlp.down_proj"),
}
GATES = {"silu": "swiglu", "swish": "swiglu"}


def read(json: ModelJson, *, kv_heads: int | None = None, head_width: int | None = None) -> TransformerConfig:
    """The sizes that a config.json describes.

    Args:
        kv_heads, head_width: where it does not say them; None: as many as heads, and width over heads.
    """
    width, heads = json.whole("hidden_size"), json.whole("num_attention_heads")
    head_size = json.optional("head_dim", head_width)
    groups = json.optional("num_key_value_heads", kv_heads)
    config = TransformerConfig(
        vocab_size=json.whole("vocab_size"),
        block_size=json.whole("max_position_embeddings"),
        n_layer=json.whole("num_hidden_layers"),
        n_head=heads,
        n_embd=width,
        n_kv_head=None if groups == heads else groups,
        head_size=None if head_size is not None and head_size * heads == width else head_size,
        hidden=json.whole("intermediate_size"),
        norm="rms",
        norm_eps=json.number("rms_norm_eps", 1e-6),
        activation=json.one_of("hidden_act", GATES, "silu"),
        tie=json.flag("tie_word_embeddings", False),
    )
    return rotary_json.read(json, config)


def write(config: TransformerConfig) -> dict[str, object]:
    """The settings that all of them have."""
    return {
        "hidden_size": config.n_embd,
        "intermediate_size": config.hidden_width,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "hidden_act": "silu",
        "max_position_embeddings": config.block_size,
        "rms_norm_eps": config.eps,
        "attention_dropout": config.dropout,
        "tie_word_embeddings": config.tie,
        **rotary_json.write(config),
    }


def windows(json: ModelJson, config: TransformerConfig) -> tuple[int | None, int]:
    """The window of Qwen's layers and the first of them that has it.

    Raises:
        ConfigError: layers with a window and without one take turns.
    """
    used, window = json.flag("use_sliding_window", False), json.optional("sliding_window", 4096)
    last, kinds = json.get("max_window_layers"), json.get("layer_types")
    if not used or window is None:
        window = None
    first = config.n_layer if window is None else 28 if last is None else last
    if kinds is not None:
        sliding = [kind == "sliding_attention" for kind in kinds] if isinstance(kinds, list) else []
        known = isinstance(kinds, list) and {*kinds} <= {"sliding_attention", "full_attention"}
        first = sliding.index(True) if True in sliding else config.n_layer
        if not known or len(sliding) != config.n_layer or not all(sliding[first:]):
            raise json.uncomputed(f"layer_types={kinds}", "only a window from one layer on")
        if first < config.n_layer and window is None:
            raise json.uncomputed("layer_types with sliding_attention", "only beside a sliding_window")
    if not isinstance(first, int) or isinstance(first, bool) or first < 0:
        raise json.damaged("max_window_layers is no whole number")
    return (None, 0) if window is None or first >= config.n_layer else (window, first)


def window_settings(config: TransformerConfig) -> dict[str, object]:
    """The same, written."""
    first = config.window_from if config.window is not None else config.n_layer
    kinds = ["full_attention" if layer < first else "sliding_attention" for layer in range(config.n_layer)]
    return {
        "use_sliding_window": config.window is not None,
        "sliding_window": config.window,
        "max_window_layers": first,
        "layer_types": kinds,
    }
