"""Hugging Face in and out: transformers' GPT-2 as our transformer, and ours as theirs, tokeniser included."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genkit.core.codecs import ByteCodec, CharCodec, Codec, SubwordCodec
from genkit.core.module import GenerativeModule
from genkit.interop import pretrained
from genkit.nn.lora import base, dense
from genkit.nn.transformer import Block, Transformer
from genkit.system import storage
from genkit.system.errors import CheckpointError, ConfigError

# transformers' names of a block's linear layers, which it stores as (in, out).
LINEAR: Mapping[str, Callable[[Any], nn.Module]] = {
    "attn.c_attn": lambda block: block.attention.qkv,
    "attn.c_proj": lambda block: block.attention.proj,
    "mlp.c_fc": lambda block: block.feed_forward.up,
    "mlp.c_proj": lambda block: block.feed_forward.down,
}
ACTIVATIONS = {"gelu_tanh": "gelu_new", "gelu": "gelu", "relu2": "relu2"}


def network_of(module: GenerativeModule) -> Transformer:
    """The module's transformer.

    Raises:
        ConfigError: it has none.
    """
    network = getattr(module, "network", None)
    if not isinstance(network, Transformer):
        raise ConfigError(f"{type(module).__name__} is no language model; format=hf is for model=gpt.")
    return network


# ---------------------------------------------------------------------- in


@torch.no_grad()
def read(module: GenerativeModule, folder: Path) -> None:
    """Copy the weights of a Hugging Face GPT-2 into a module of its sizes.

    A shorter context takes the first places, a smaller vocabulary the first tokens.

    Raises:
        CheckpointError: a tensor is missing or has another shape, or a file is damaged.
    """
    network = network_of(module)
    tensors: dict[str, Tensor] = {}
    for path in pretrained.check_weights(folder):
        try:
            tensors |= load_file(path)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}. Copy it anew.") from None
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    for name, place, transposed in _places(network):
        if name not in tensors:
            raise CheckpointError(f"{folder} has no tensor {name}; copy the folder anew.")
        given = tensors[name].T if transposed else tensors[name]
        if name in ("wte.weight", "wpe.weight", "lm_head.weight"):
            given = given[: len(place)]
        if given.shape != place.shape:
            raise CheckpointError(
                f"{folder}: {name} is {tuple(given.shape)}, expected {tuple(place.shape)};"
                " its tokenizer.json or config.json is another model's."
            )
        place.copy_(given)


def _places(network: Transformer) -> Iterator[tuple[str, Tensor, bool]]:
    """transformers' name of each tensor, our tensor, and whether the two are transposed."""
    assert network.places is not None
    yield "wte.weight", network.tokens.weight, False
    yield "wpe.weight", network.places.weight, False
    for number, block in enumerate(network.blocks):
        norms: dict[str, Any] = {"ln_1": block.norm_1, "ln_2": block.norm_2}
        for name, norm in norms.items():
            yield from _both(f"h.{number}.{name}", norm, False)
        for name, layer in LINEAR.items():
            yield from _both(f"h.{number}.{name}", base(layer(block)), True)
    yield from _both("ln_f", network.norm, False)
    if network.head.weight is not network.tokens.weight:
        yield "lm_head.weight", network.head.weight, False


def _both(name: str, layer: Any, transposed: bool) -> Iterator[tuple[str, Tensor, bool]]:
    yield f"{name}.weight", layer.weight, transposed
    if layer.bias is not None:
        yield f"{name}.bias", layer.bias, False


# ---------------------------------------------------------------------- out


def write(module: GenerativeModule, out: Path) -> Path:
    """Write a folder that `AutoModelForCausalLM` and `AutoTokenizer` of transformers load.

    Low-rank updates are merged.  The folder is made beside its place, flushed and renamed.

    Raises:
        ConfigError: transformers' GPT-2 has no such blocks, or the folder exists.
        StorageError: it cannot be written.
    """
    network, spec = network_of(module), module.spec
    plain = gpt2_config(network)
    if spec.kind != "tokens" or spec.array is not None:
        raise ConfigError(f"this model draws {spec.medium.many}; Hugging Face has no tokeniser for them.")
    tokenizer = tokenizer_json(spec.codec)
    # A text of documents ends where the next would begin; one without has no end, nor may transformers'
    # own GPT-2's stand in for it.
    ends = spec.opening.tolist() if spec.separator and len(spec.opening) == 1 else [None]
    marks = {"bos_token_id": int(spec.opening[-1]), "eos_token_id": ends[0]}
    storage.check_new(out)
    texts = {
        "config.json": {**plain, **marks},
        "generation_config.json": marks,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": network.config.block_size,
            "clean_up_tokenization_spaces": False,
        },
    }
    try:
        with storage.made(out) as place:
            save_file(gpt2_tensors(network), place / pretrained.WEIGHTS, metadata={"format": "pt"})
            (place / pretrained.TOKENIZER).write_text(tokenizer, encoding="utf-8")
            for name, content in texts.items():
                (place / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except SafetensorError as error:
        raise storage.refusal(out, error, storage.ADVICE) from error
    return out


def gpt2_config(network: Transformer) -> dict[str, object]:
    """What config.json says of a network.

    Raises:
        ConfigError: its blocks are not GPT-2's; they are named.
    """
    own = network.config
    kept = {"positions": "learned", "norm": "layer", "qk_norm": False}
    others = [f"model.{key}={getattr(own, key)}" for key, value in kept.items() if getattr(own, key) != value]
    if own.kv_heads != own.n_head:
        others.append(f"model.n_kv_head={own.n_kv_head}")
    if own.activation not in ACTIVATIONS:
        others.append(f"model.activation={own.activation}")
    if others:
        raise ConfigError(f"GPT-2 of transformers has no {', '.join(others)}; train with model=gpt's own.")
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": own.vocab_size,
        "n_positions": own.block_size,
        "n_embd": own.n_embd,
        "n_layer": own.n_layer,
        "n_head": own.n_head,
        "activation_function": ACTIVATIONS[own.activation],
        "layer_norm_epsilon": 1e-5,
        **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), own.dropout),
        "tie_word_embeddings": own.tie,
        "dtype": "float32",
    }


@torch.no_grad()
def gpt2_tensors(network: Transformer) -> dict[str, Tensor]:
    """The weights under transformers' names; biases that our network lacks are zeros."""
    assert network.places is not None
    tensors = {"wte.weight": network.tokens.weight, "wpe.weight": network.places.weight}
    for number, module in enumerate(network.blocks):
        assert isinstance(module, Block)
        tensors |= _norm(f"h.{number}.ln_1", module.norm_1) | _norm(f"h.{number}.ln_2", module.norm_2)
        for name, layer in LINEAR.items():
            weight, bias = dense(layer(module))
            tensors[f"h.{number}.{name}.weight"] = weight.T
            tensors[f"h.{number}.{name}.bias"] = weight.new_zeros(len(weight)) if bias is None else bias
    tensors |= _norm("ln_f", network.norm)
    named = {f"transformer.{name}": tensor for name, tensor in tensors.items()}
    if not network.config.tie:
        named["lm_head.weight"] = network.head.weight
    return {name: tensor.detach().float().cpu().contiguous().clone() for name, tensor in named.items()}


def _norm(name: str, norm: nn.Module) -> dict[str, Tensor]:
    assert isinstance(norm, nn.LayerNorm)
    bias = torch.zeros_like(norm.weight) if norm.bias is None else norm.bias
    return {f"{name}.weight": norm.weight, f"{name}.bias": bias}


# ---------------------------------------------------------------------- tokenisers


def tokenizer_json(codec: Codec) -> str:
    """A codec as the content of a tokenizer.json.

    Raises:
        ConfigError: there is no such tokeniser.
    """
    for kind, make in TOKENIZERS.items():
        if isinstance(codec, kind):
            return make(codec)
    raise ConfigError(f"the codec {codec.name} has no Hugging Face form.")


def _of_characters(codec: Any) -> str:
    """Every character a word of its own; one that is not known is an error, as it is here."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({c: i for i, c in enumerate(codec.characters)}))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer.to_str()


def _of_bytes(codec: Any) -> str:
    """Byte-level BPE without merges; GPT-2 writes each byte as a printable character."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = Tokenizer(models.BPE(vocab=dict(zip(_byte_characters(), range(256), strict=True)), merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = level, decoders.ByteLevel()
    return tokenizer.to_str()


def _byte_characters() -> list[str]:
    """GPT-2's character of each byte: itself where it can be printed, else one from U+0100 on."""
    kept = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return [chr(byte if byte in kept else next(others)) for byte in range(256)]


TOKENIZERS: dict[type[Codec], Callable[[Any], str]] = {
    CharCodec: _of_characters,
    ByteCodec: _of_bytes,
    SubwordCodec: lambda codec: codec.to_dict()["tokenizer"],
}
