"""Qwen 2 and 2.5: Llama's blocks, with biases of queries, keys and values.  Nothing here imports torch."""

from __future__ import annotations

from dataclasses import replace

from genkit.interop import gated_decoder
from genkit.interop.architecture import Architecture
from genkit.interop.model_json import ModelJson
from genkit.nn.transformer_config import TransformerConfig


def read(json: ModelJson) -> TransformerConfig:
    config = replace(gated_decoder.read(json, kv_heads=32), qkv_bias=True)
    json.fixed("use_mrope", False)
    window, first = gated_decoder.windows(json, config)
    return replace(config, window=window, window_from=first)


def write(config: TransformerConfig) -> dict[str, object]:
    return {**gated_decoder.write(config), **gated_decoder.window_settings(config)}


QWEN2 = Architecture(
    model_type="qwen2",
    class_name="Qwen2ForCausalLM",
    read=read,
    write=write,
    outer=gated_decoder.OUTER,
    inner=gated_decoder.INNER,
    blocks=gated_decoder.BLOCKS,
)
