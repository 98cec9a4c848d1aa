"""GPT-NeoX, and the Pythias: two norms of one stream, and a part of each head rotated.

Nothing here imports torch.
"""

from __future__ import annotations

from genkit.interop import rotary_json
from genkit.interop.architecture import Architecture, StoredLayer, rows
from genkit.interop.model_json import ModelJson
from genkit.nn.transformer_config import TransformerConfig

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
}
WORDS = {"gelu": "gelu", "gelu_tanh": "gelu_new"}


def read(json: ModelJson) -> TransformerConfig:
    attention = json.flag("attention_bias", True)
    config = TransformerConfig(
        vocab_size=json.whole("vocab_size"),
        block_size=json.whole("max_position_embeddings"),
        n_layer=json.whole("num_hidden_layers"),
        n_head=json.whole("num_attention_heads"),
        n_embd=json.whole("hidden_size"),
        hidden=json.whole("intermediate_size"),
        bias=True,
        qkv_bias=attention,
        proj_bias=attention,
        mlp_bias=True,
        norm="layer",
        norm_eps=json.number("layer_norm_eps", 1e-5),
        activation=json.one_of("hidden_act", ACTIVATIONS, "gelu"),
        parallel=json.flag("use_parallel_residual", True),
        tie=json.flag("tie_word_embeddings", False),
    )
    return rotary_json.read(json, config, base="rotary_emb_base", share=("rotary_pct", 0.25))


def write(config: TransformerConfig) -> dict[str, object]:
    attention = config.biased(config.qkv_bias) or config.biased(config.proj_bias)
    return {
        "hidden_size": config.n_embd,
        "intermediate_size": config.hidden_width,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "hidden_act": WORDS.get(config.activation, "gelu"),
        "max_position_embeddings": config.block_size,
        "layer_norm_eps": config.eps,
        "use_parallel_residual": config.parallel,
        "attention_bias": attention,
        "attention_dropout": config.dropout,
        "hidden_dropout": config.dropout,
        "tie_word_embeddings": config.tie,
        **rotary_json.write(config, base="rotary_emb_base", share="rotary_pct"),
    }


GPT_NEOX = Architecture(
    model_type="gpt_neox",
    class_name="GPTNeoXForCausalLM",
    read=read,
    write=write,
    outer={
        "tokens": rows("gpt_neox.embed_in"),
        "norm": rows("gpt_neox.final_layer_norm"),
        "head": rows("embed_out"),
    },
    inner={
        "norm_1": rows("input_layernorm"),
        "attention.qkv": StoredLayer(("attention.query_key_value",), by_head=True),
        "attention.proj": rows("attention.dense"),
        "norm_2": rows("post_attention_layernorm"),
        "feed_forward.up": rows("mlp.dense_h_to_4h"),
        "feed_forward.down": rows("mlp.dense_4h_to_h"),
    },
    blocks="gpt_neox.layers.{}.",
    ignored=("attention.bias", "attention.masked_bias", "rotary_emb.inv_freq"),
)
