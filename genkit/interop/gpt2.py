"""GPT-2, whose matrices are stored as (in, out).  Nothing here imports torch."""

from __future__ import annotations

from genkit.interop.architecture import Architecture, StoredLayer, rows
from genkit.interop.model_json import ModelJson
from genkit.nn.transformer_config import TransformerConfig

ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu", "relu2": "relu2"}
WORDS = {"gelu_tanh": "gelu_new", "gelu": "gelu", "relu2": "relu2"}
# Settings that change what it computes, with the one value that we compute.
FIXED = {"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False}


def read(json: ModelJson) -> TransformerConfig:
    for key, value in FIXED.items():
        json.fixed(key, value)
    json.ask(["reorder_and_upcast_attn"])  # in which order and precision the same is computed
    width = json.whole("n_embd")
    inner = json.optional("n_inner")
    return TransformerConfig(
        vocab_size=json.whole("vocab_size"),
        block_size=json.whole("n_positions"),
        n_layer=json.whole("n_layer"),
        n_head=json.whole("n_head"),
        n_embd=width,
        hidden=None if inner == 4 * width else inner,
        bias=True,
        norm="layer",
        norm_eps=json.number("layer_norm_epsilon", 1e-5),
        activation=json.one_of("activation_function", ACTIVATIONS, "gelu_new"),
        positions="learned",
        tie=json.flag("tie_word_embeddings", True),
    )


def write(config: TransformerConfig) -> dict[str, object]:
    return {
        "n_positions": config.block_size,
        "n_embd": config.n_embd,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        **({} if config.hidden_width == 4 * config.n_embd else {"n_inner": config.hidden_width}),
        "activation_function": WORDS.get(config.activation, "gelu_new"),
        "layer_norm_epsilon": config.eps,
        **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), config.dropout),
        "tie_word_embeddings": config.tie,
    }


GPT2 = Architecture(
    model_type="gpt2",
    class_name="GPT2LMHeadModel",
    read=read,
    write=write,
    outer={
        "tokens": rows("transformer.wte"),
        "places": rows("transformer.wpe"),
        "norm": rows("transformer.ln_f"),
        "head": rows("lm_head"),
    },
    inner={
        "norm_1": rows("ln_1"),
        "attention.qkv": StoredLayer(("attn.c_attn",), transposed=True),
        "attention.proj": StoredLayer(("attn.c_proj",), transposed=True),
        "norm_2": rows("ln_2"),
        "feed_forward.up": StoredLayer(("mlp.c_fc",), transposed=True),
        "feed_forward.down": StoredLayer(("mlp.c_proj",), transposed=True),
    },
    blocks="transformer.h.{}.",
    ignored=("attn.bias", "attn.masked_bias"),
)
