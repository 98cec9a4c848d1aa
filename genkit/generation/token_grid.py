"""What a transformer is told of tokens that are patches of arrays."""

from __future__ import annotations

from dataclasses import replace

from genkit.core.spec import TokenSpec
from genkit.nn.transformer_config import TransformerConfig


def knowing_patches(config: TransformerConfig, spec: TokenSpec) -> TransformerConfig:
    """A configuration with the places and levels of the tokens, which some of its blocks use.

    Raises:
        ValueError: the network is to know that, and tokens are none, or a context does not hold an array.
    """
    codec, axial = spec.array_codec, config.positions == "axial"
    if codec is None:
        for asked, knob in ((axial, "positions=axial"), (config.level_vectors, "level_vectors=true")):
            if asked:
                raise ValueError(f"model.{knob} is of pixels or samples as tokens, and this data has none.")
        return config
    if axial and config.block_size < codec.length:
        raise ValueError(
            f"model.positions=axial needs a whole example of {codec.length} tokens as context, and"
            f" model.block_size is {config.block_size}: leave that null."
        )
    return replace(config, grid=codec.grid, levels=(codec.array.levels, codec.joined))
