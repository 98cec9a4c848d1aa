"""What an architecture of transformers is to us: its config.json and our sizes, its tensors and ours.

Nothing here imports torch.

Legend: L layers, D width, H heads, G key-value heads, E head width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from genkit.interop.model_json import ModelJson
from genkit.nn.transformer_config import TransformerConfig


@dataclass(frozen=True)
class StoredLayer:
    """How a layer of ours stands in their files.

    Attributes:
        names: theirs; of several, each holds some of our rows, one after another.
        transposed: weights are (in, out).
        by_head: rows are the query, the key and the value of the first head, then of the next, where ours
            are all queries, all keys, all values.
    """

    names: tuple[str, ...]
    transposed: bool = False
    by_head: bool = False


def rows(*names: str) -> StoredLayer:
    """In rows as ours."""
    return StoredLayer(names)


@dataclass(frozen=True)
class Architecture:
    """One architecture, declared.

    Attributes:
        model_type: its name in a config.json.
        class_name: of its language model in transformers.
        read: from a config.json to our sizes.
        write: from our sizes to the settings that are this architecture's own.  Of a network that it cannot
            hold they give another one back: see `losses`.
        outer: how our layers outside of the blocks are stored.
        inner: how those of a block are.
        blocks: what stands before the names of a block's layers, with `{}` for its number.
        ignored: ends of names of tensors that hold no weights, as old files have some.
    """

    model_type: str
    class_name: str
    read: Callable[[ModelJson], TransformerConfig]
    write: Callable[[TransformerConfig], dict[str, object]]
    outer: Mapping[str, StoredLayer]
    inner: Mapping[str, StoredLayer]
    blocks: str
    ignored: tuple[str, ...] = ("rotary_emb.inv_freq",)

    @property
    def prefix(self) -> str:
        """What stands before all names but the head's, and which files without a head leave out."""
        return self.blocks.partition(".")[0] + "."

    def place(self, name: str) -> StoredLayer:
        """How the parameter of ours is stored, `blocks.3.attention.qkv.weight` say."""
        if not name.startswith("blocks."):
            return _with_end(self.outer, name, "")
        _, number, inner = name.split(".", 2)
        return _with_end(self.inner, inner, self.blocks.format(number))

    def tensor_names(self, config: TransformerConfig) -> list[str]:
        """Of all tensors that a network of these sizes has in a file."""
        return [name for own in parameter_names(config) for name in self.place(own).names]


def _with_end(table: Mapping[str, StoredLayer], name: str, before: str) -> StoredLayer:
    """The layer's entry, with the end (`weight`, `bias`) that the parameter's name has."""
    layer, dot, end = name.rpartition(".")
    if name in table:  # a parameter that is none of a layer
        layer, dot, end = name, "", ""
    found = table[layer]
    return StoredLayer(
        tuple(f"{before}{theirs}{dot}{end}" for theirs in found.names),
        found.transposed and end == "weight",
        found.by_head,
    )


def parameter_names(config: TransformerConfig) -> Iterator[str]:
    """The names of a network's parameters, of a tied matrix once."""
    norm_bias = config.norm == "layer" and config.bias
    layers = {
        "norm_1": norm_bias,
        "attention.qkv": config.biased(config.qkv_bias),
        "attention.proj": config.biased(config.proj_bias),
        "norm_2": norm_bias,
        "feed_forward.up": config.biased(config.mlp_bias),
        "feed_forward.down": config.biased(config.mlp_bias),
    }
    yield "tokens.weight"
    if config.positions == "learned":
        yield "places.weight"
    for number in range(config.n_layer):
        for layer, biased in layers.items():
            yield f"blocks.{number}.{layer}.weight"
            if biased:
                yield f"blocks.{number}.{layer}.bias"
        if config.qk_norm and config.qk_scales:
            yield f"blocks.{number}.attention.q_scale"
            yield f"blocks.{number}.attention.k_scale"
    yield "norm.weight"
    if norm_bias:
        yield "norm.bias"
    if not config.tie:
        yield "head.weight"


def losses(architecture: Architecture, config: TransformerConfig) -> dict[str, object]:
    """The knobs of a network, with their values, that the architecture has not; {} where it can hold it.

    A layer without biases is held by one whose biases are zeros.
    """
    ours, theirs = _effective(config), _effective(read_back(architecture, config))
    biases = ("bias", "qkv_bias", "proj_bias", "mlp_bias")
    return {
        key: value
        for key, value in ours.items()
        if value != theirs[key] and not (key in biases and theirs[key])
    }


def zeros(architecture: Architecture, config: TransformerConfig) -> int:
    """How many kinds of layers get biases that are zeros."""
    theirs = read_back(architecture, config)
    return len(set(parameter_names(_one_layer(theirs))) - set(parameter_names(_one_layer(config))))


def read_back(architecture: Architecture, config: TransformerConfig) -> TransformerConfig:
    """The network that the architecture's config.json of a network describes."""
    return architecture.read(ModelJson({**architecture.write(config), "vocab_size": config.vocab_size}))


def _one_layer(config: TransformerConfig) -> TransformerConfig:
    return replace(config, n_layer=1)


def _effective(config: TransformerConfig) -> dict[str, object]:
    """What the knobs amount to, by their names."""
    rotary = config.positions != "learned"
    scaled = config.rotary_scaling is not None if rotary else False
    turned, yarn = config.rotary_scaling in ("llama3", "yarn"), config.rotary_scaling == "yarn"
    window = config.window if config.window_from < config.n_layer else None
    return {
        "block_size": config.block_size,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_embd": config.n_embd,
        "n_kv_head": config.kv_heads,
        "head_size": config.head_width,
        "hidden": config.hidden_width,
        "norm": config.norm,
        "norm_eps": config.eps,
        "activation": config.activation,
        "positions": config.positions,
        "rotary_base": config.base if rotary else None,
        "rotary_share": config.rotated if rotary else None,
        "rotary_scaling": config.rotary_scaling if rotary else None,
        "rotary_factor": config.rotary_factor if scaled else None,
        "rotary_original": config.original_context if scaled and turned else None,
        "rotary_low": config.rotary_low if scaled and turned else None,
        "rotary_high": config.rotary_high if scaled and turned else None,
        "rotary_attention": config.attention_scale if scaled and yarn else None,
        "qk_norm": config.qk_norm,
        "qk_scales": config.qk_norm and config.qk_scales,
        "parallel": config.parallel,
        "window": window,
        "window_from": None if window is None else config.window_from,
        "tie": config.tie,
        "level_vectors": config.level_vectors,
        "bias": config.norm == "layer" and config.bias,
        "qkv_bias": config.biased(config.qkv_bias),
        "proj_bias": config.biased(config.proj_bias),
        "mlp_bias": config.biased(config.mlp_bias),
    }
