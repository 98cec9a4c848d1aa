"""Folders of Hugging Face: transformers' models as our transformer, and ours as theirs, with tokenisers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from genkit.core.codecs import SubwordCodec
from genkit.core.module import GenerativeModule
from genkit.core.pairs import ChatPairs
from genkit.core.spec import TokenSpec
from genkit.interop import pretrained
from genkit.interop.architecture import Architecture, parameter_names, read_back
from genkit.interop.architectures import holding
from genkit.interop.pretrained import StoredTensor
from genkit.interop.tensors import pieces
from genkit.interop.tokenizer_json import tokenizer_json
from genkit.nn.lora import dense
from genkit.nn.transformer import Transformer
from genkit.nn.transformer_config import TransformerConfig
from genkit.system import storage
from genkit.system.errors import CheckpointError, ConfigError
from genkit.system.progress import each

MAX_SHARD = 5.0  # gigabytes of a file of weights, as transformers has it


def network_of(module: GenerativeModule) -> Transformer:
    """The module's transformer.

    Raises:
        ConfigError: it has none.
    """
    network = getattr(module, "network", None)
    if not isinstance(network, Transformer):
        raise ConfigError(
            f"{type(module).__name__} is no language model; format=hf is for model=gpt. Weights of any family"
            " are safetensors in its run's checkpoints, and need no export."
        )
    return network


# ---------------------------------------------------------------------- in


@torch.no_grad()
def read(module: GenerativeModule, folder: Path) -> None:
    """Copy the weights of a folder into a module of its sizes: one tensor at a time, of a mapped file.

    A shorter context takes the first places, a smaller vocabulary the first tokens.

    Raises:
        CheckpointError: a tensor is missing or has another shape, or a file is damaged.
        ConfigError: the folder holds what no network of ours computes.
    """
    network = network_of(module)
    architecture, config = pretrained.network_of(folder)
    held = pretrained.check_weights(folder, architecture, config)
    _check_tied(architecture, config, held)
    own = {name.replace("base_layer.", "") for name, _ in network.named_parameters() if "lora_" not in name}
    if others := own - {*parameter_names(network.config)}:
        raise ConfigError(
            f"{folder} has no weights of {', '.join(sorted(others)[:5])}; leave those knobs out."
        )
    for name in parameter_names(network.config):
        parameter = _plain(network, name)
        for piece in pieces(architecture, network.config, name, parameter):
            stored = held[piece.name]
            try:
                # Each file is let go of after each tensor: what of it was read would stay in memory.
                with safe_open(stored.file, framework="pt") as file:
                    given = file.get_slice(stored.name)
                    shape = tuple(given.get_shape())
                    if piece.first and len(shape) == 2:
                        shape = (min(shape[0], piece.shape[0]), shape[1])
                    if shape != piece.shape:
                        raise CheckpointError(
                            f"{folder}: {stored.name} is {tuple(given.get_shape())}, expected {piece.shape};"
                            " its tokenizer.json or config.json is another model's."
                        )
                    piece.fill(given[: shape[0]])
            except (OSError, SafetensorError) as error:
                raise CheckpointError(f"{stored.file} cannot be read: {error}. Copy it anew.") from None


def _check_tied(
    architecture: Architecture, config: TransformerConfig, held: Mapping[str, StoredTensor]
) -> None:
    """See that a matrix that is tied to the embedding, and stored beside it, is the same."""
    tokens, head = (f"{architecture.outer[layer].names[0]}.weight" for layer in ("tokens", "head"))
    if not config.tie or head not in held or held[head] == held[tokens]:
        return
    both = []
    for stored in (held[tokens], held[head]):
        with safe_open(stored.file, framework="pt") as file:
            both.append(file.get_tensor(stored.name))
    if not torch.equal(*both):
        raise ConfigError(
            f"{held[head].file}: {head} is not {tokens}, to which {pretrained.CONFIG} ties it; set"
            " tie_word_embeddings to false there."
        )


def _plain(network: Transformer, name: str) -> Tensor:
    """A parameter by its name, of a layer with a low-rank update the layer's own."""
    layer, _, end = name.rpartition(".")
    updated = hasattr(network.get_submodule(layer), "base_layer")
    return network.get_parameter(f"{layer}.base_layer.{end}" if updated else name)


# ---------------------------------------------------------------------- out


def write(module: GenerativeModule, out: Path, max_shard: float = MAX_SHARD) -> Path:
    """Write a folder that `AutoModelForCausalLM` and `AutoTokenizer` of transformers load.

    The folder is made beside its place, flushed and renamed.

    Args:
        max_shard: as for `fill`.

    Raises:
        ConfigError: no architecture of transformers has such blocks, or the folder exists.
        StorageError: it cannot be written.
    """
    with storage.made(out) as place:
        fill(module, place, max_shard)
    return out


def fill(module: GenerativeModule, place: Path, max_shard: float = MAX_SHARD) -> None:
    """Write the files of such a folder into one that is being made.

    Low-rank updates are merged.

    Args:
        max_shard: gigabytes of a file of weights; more go into several, and an index names the file of each.

    Raises:
        ConfigError: no architecture of transformers has such blocks.
        StorageError: they cannot be written.
    """
    network, spec = network_of(module), module.spec
    architecture = holding(network.config)
    if spec.kind != "tokens" or spec.array is not None:
        raise ConfigError(f"this model draws {spec.medium.many}; Hugging Face has no tokeniser for them.")
    tokenizer = tokenizer_json(spec.codec)
    texts = {
        "config.json": model_settings(architecture, network.config) | marks(spec),
        "generation_config.json": marks(spec),
        "tokenizer_config.json": tokenizer_settings(spec, network.config),
    }
    weights = dict(tensors(architecture, network))
    shards = split_torch_state_dict_into_shards(weights, max_shard_size=int(max_shard * 1e9))
    if shards.is_sharded:
        texts[pretrained.INDEX] = {"metadata": shards.metadata, "weight_map": shards.tensor_to_filename}
    try:
        files = shards.filename_to_tensors
        for file, names in each("writing weights", files.items(), len(files)):
            save_file({name: weights[name] for name in names}, place / file, metadata={"format": "pt"})
    except SafetensorError as error:
        raise storage.refusal(place, error, storage.ADVICE) from error
    (place / pretrained.TOKENIZER).write_text(tokenizer, encoding="utf-8")
    for name, content in texts.items():
        (place / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def model_settings(architecture: Architecture, config: TransformerConfig) -> dict[str, object]:
    """What config.json says of a network."""
    return {
        "model_type": architecture.model_type,
        "architectures": [architecture.class_name],
        "vocab_size": config.vocab_size,
        **architecture.write(config),
        "dtype": "float32",
    }


def marks(spec: TokenSpec) -> dict[str, object]:
    """The ids that begin and end a text.

    A text of documents ends where the next would begin; one without has no end, nor may those of
    transformers' own stand in for it.  It ends at one token, or where two of the tokeniser's own marks stand
    between documents, at the first.  An answer to a prompt ends at the token that the template ends it with.
    """
    opening = (spec.mark if len(spec.mark) else spec.opening).tolist()
    own = isinstance(spec.codec, SubwordCodec) and all(map(spec.codec.is_mark, opening))
    ends = opening[:1] if spec.separator and (len(opening) == 1 or (own and len(opening) == 2)) else []
    if spec.pairs is not None:
        ends = spec.codec.mark(spec.pairs.end).tolist()
    return {"bos_token_id": opening[-1], "eos_token_id": ends[0] if len(ends) == 1 else None}


def tokenizer_settings(spec: TokenSpec, config: TransformerConfig) -> dict[str, object]:
    """What tokenizer_config.json says, the template of conversations included."""
    said: dict[str, object] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.block_size,
        "clean_up_tokenization_spaces": False,
    }
    if isinstance(codec := spec.codec, SubwordCodec) and spec.separator:
        for name, id_ in marks(spec).items():
            if isinstance(id_, int) and codec.is_mark(id_):
                said[name.removesuffix("_id")] = codec.decode([id_])
    if isinstance(pairs := spec.pairs, ChatPairs):
        said |= {**pairs.words, "chat_template": pairs.template}
    return said


def tensors(architecture: Architecture, network: Transformer) -> Iterator[tuple[str, Tensor]]:
    """The weights under transformers' names; biases that our network lacks are zeros."""
    config = network.config
    for name in parameter_names(read_back(architecture, config)):
        for piece in pieces(architecture, config, name, _merged(network, name)):
            yield piece.name, piece.tensor()


def _merged(network: Transformer, name: str) -> Tensor:
    """A parameter by its name, with its low-rank update; zeros of a bias that the network lacks."""
    layer, _, end = name.rpartition(".")
    module = network.get_submodule(layer)
    if not hasattr(module, "base_layer") and not isinstance(module, nn.Linear):
        found = getattr(module, end)
        return torch.zeros_like(module.get_parameter("weight")) if found is None else found
    weight, bias = dense(module)
    if end == "weight":
        return weight
    return weight.new_zeros(len(weight)) if bias is None else bias
