"""Qwen 3: Llama's blocks, with queries and keys normalised and scaled.  Nothing here imports torch."""

from __future__ import annotations

from dataclasses import replace

from genkit.interop import gated_decoder
from genkit.interop.architecture import Architecture, rows
from genkit.interop.model_json import ModelJson
from genkit.nn.transformer_config import TransformerConfig


def read(json: ModelJson) -> TransformerConfig:
    attention = json.flag("attention_bias", False)
    config = replace(
        gated_decoder.read(json, kv_heads=32, head_width=128),
        qkv_bias=attention,
        proj_bias=attention,
        qk_norm=True,
        qk_scales=True,
    )
    window, first = gated_decoder.windows(json, config)
    return replace(config, window=window, window_from=first)


def write(config: TransformerConfig) -> dict[str, object]:
    attention = config.biased(config.qkv_bias) or config.biased(config.proj_bias)
    windows = gated_decoder.window_settings(config)
    return {**gated_decoder.write(config), **windows, "attention_bias": attention}


QWEN3 = Architecture(
    model_type="qwen3",
    class_name="Qwen3ForCausalLM",
    read=read,
    write=write,
    outer=gated_decoder.OUTER,
    inner={
        **gated_decoder.INNER,
        "attention.q_scale": rows("self_attn.q_norm.weight"),
        "attention.k_scale": rows("self_attn.k_norm.weight"),
    },
    blocks=gated_decoder.BLOCKS,
)
