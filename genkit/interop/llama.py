"""Llama 2 and 3, and what has their blocks, as SmolLM.  Nothing here imports torch."""

from __future__ import annotations

from dataclasses import replace

from genkit.interop import gated_decoder
from genkit.interop.architecture import Architecture
from genkit.interop.model_json import ModelJson
from genkit.nn.transformer_config import TransformerConfig


def read(json: ModelJson) -> TransformerConfig:
    attention = json.flag("attention_bias", False)
    json.ask(["pretraining_tp"])  # how matrices were cut for several processors, which newer readers ignore
    return replace(
        gated_decoder.read(json),
        qkv_bias=attention,
        proj_bias=attention,
        mlp_bias=json.flag("mlp_bias", False),
    )


def write(config: TransformerConfig) -> dict[str, object]:
    attention = config.biased(config.qkv_bias) or config.biased(config.proj_bias)
    biases = {"attention_bias": attention, "mlp_bias": config.biased(config.mlp_bias)}
    return {**gated_decoder.write(config), **biases}


LLAMA = Architecture(
    model_type="llama",
    class_name="LlamaForCausalLM",
    read=read,
    write=write,
    outer=gated_decoder.OUTER,
    inner=gated_decoder.INNER,
    blocks=gated_decoder.BLOCKS,
)
