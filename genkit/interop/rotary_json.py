"""Rotary positions in a config.json, in the spelling of transformers 5 and in that of older files.

Nothing here imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from genkit.interop.model_json import ModelJson
from genkit.nn.transformer_config import TransformerConfig

BASE = 10000.0  # where nothing is said
KINDS = ("default", "linear", "dynamic", "llama3", "yarn")
KNOWN = {
    *("rope_type", "type", "rope_theta", "partial_rotary_factor", "factor", "attention_factor", "truncate"),
    *("original_max_position_embeddings", "low_freq_factor", "high_freq_factor", "beta_fast", "beta_slow"),
    *("mscale", "mscale_all_dim", "finetuned"),
}


def read(
    json: ModelJson,
    config: TransformerConfig,
    *,
    base: str = "rope_theta",
    share: tuple[str, float] | None = None,
) -> TransformerConfig:
    """The sizes of a network with the rotary positions that its config.json describes.

    Args:
        base: the older name of the base.
        share: the older name of the share of each head that is rotated, and what it is where nothing is
            said; None: heads are rotated whole.

    Raises:
        ConfigError: a kind, or a setting of one, that is not computed here.
    """
    older, newer = json.get("rope_scaling"), json.get("rope_parameters")
    own = older or newer or {}
    if not isinstance(own, Mapping):
        raise json.damaged("rope_parameters is no mapping")
    for key, value in own.items():
        if key not in KNOWN and value is not None:
            raise json.uncomputed(f"rope_parameters.{key}={value}", "no rotary position has it")

    def number(key: str, default: float | None = None) -> float:
        return json.positive(f"rope_parameters.{key}", own.get(key), default)

    said = json.number(base, BASE), json.number(share[0], share[1]) if share else 1.0
    part = number("partial_rotary_factor", json.number("partial_rotary_factor", said[1]))
    if part != 1 and share is None:
        raise json.uncomputed(f"partial_rotary_factor={part}", "only 1 of this architecture")
    before = json.optional("original_max_position_embeddings")
    turned = replace(config, positions="rotary", rotary_base=number("rope_theta", said[0]), rotary_share=part)
    kind = own.get("rope_type") or own.get("type") or "default"
    original = before or int(number("original_max_position_embeddings", config.block_size))
    # Within the model's own context, and here it reads no more, "dynamic" is as without scaling.
    if kind in ("default", "dynamic"):
        return turned
    if kind == "linear":
        return replace(turned, rotary_scaling="linear", rotary_factor=number("factor"))
    if kind == "llama3":
        return replace(
            turned,
            rotary_scaling="llama3",
            rotary_factor=number("factor"),
            rotary_original=original,
            rotary_low=number("low_freq_factor"),
            rotary_high=number("high_freq_factor"),
        )
    if kind == "yarn":
        if own.get("truncate") is False:
            raise json.uncomputed("rope_parameters.truncate=false", "only true")
        factor = number("factor", config.block_size / original)
        of_factor = _grown(factor, number("mscale", 1.0)) / _grown(factor, number("mscale_all_dim", 1.0))
        both = own.get("mscale") and own.get("mscale_all_dim")
        return replace(
            turned,
            rotary_scaling="yarn",
            rotary_factor=factor,
            rotary_original=original,
            rotary_low=number("beta_slow", 1.0),
            rotary_high=number("beta_fast", 32.0),
            rotary_attention=number("attention_factor", of_factor if both else _grown(factor, 1.0)),
        )
    raise json.uncomputed(f"rope_type={kind}", f"only {', '.join(KINDS)}")


def _grown(factor: float, scale: float) -> float:
    """What attention is multiplied with in a context so many times as long (Peng et al. 2023, eq. 22)."""
    return 0.1 * scale * math.log(factor) + 1 if factor > 1 else 1.0


def write(
    config: TransformerConfig, *, base: str = "rope_theta", share: str | None = None
) -> dict[str, object]:
    """A network's rotary positions in both spellings; `base` and `share` are older names, as in `read`."""
    scaling: dict[str, object] = {}
    if config.rotary_scaling is not None:
        scaling = {"rope_type": config.rotary_scaling, "factor": config.rotary_factor}
    if config.rotary_scaling in ("llama3", "yarn"):
        low, high = "low_freq_factor", "high_freq_factor"
        if config.rotary_scaling == "yarn":
            low, high = "beta_slow", "beta_fast"
            scaling["attention_factor"] = config.attention_scale
        scaling["original_max_position_embeddings"] = int(config.original_context)
        scaling |= {low: config.rotary_low, high: config.rotary_high}
    part = {"partial_rotary_factor": config.rotary_share} if share else {}
    newer = {"rope_type": "default", "rope_theta": config.base, **part, **scaling}
    older: dict[str, object] = {base: config.base, **({share: config.rotary_share} if share else {})}
    return {**older, "rope_parameters": newer, **({"rope_scaling": scaling} if scaling else {})}
