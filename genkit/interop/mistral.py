"""Mistral: Llama's blocks, whose tokens see a window.  Nothing here imports torch."""

from __future__ import annotations

from dataclasses import replace

from genkit.interop import gated_decoder
from genkit.interop.architecture import Architecture
from genkit.interop.model_json import ModelJson
from genkit.nn.transformer_config import TransformerConfig


def read(json: ModelJson) -> TransformerConfig:
    json.fixed("layer_types", None)
    window = json.optional("sliding_window", 4096)
    return replace(gated_decoder.read(json, kv_heads=8), window=window)


def write(config: TransformerConfig) -> dict[str, object]:
    return {**gated_decoder.write(config), "sliding_window": config.window}


MISTRAL = Architecture(
    model_type="mistral",
    class_name="MistralForCausalLM",
    read=read,
    write=write,
    outer=gated_decoder.OUTER,
    inner=gated_decoder.INNER,
    blocks=gated_decoder.BLOCKS,
)
