"""The architectures of transformers that are read and written, one file each.  Nothing here imports torch."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from genkit.core.registry import Registry
from genkit.interop.architecture import Architecture, losses, zeros
from genkit.interop.model_json import ModelJson
from genkit.nn.transformer_config import TransformerConfig
from genkit.system.errors import ConfigError

ARCHITECTURES: Registry[Architecture] = Registry(
    "architecture",
    "architectures",
    "unknown architecture {name!r}.",
    {
        "gpt2": "genkit.interop.gpt2:GPT2",
        "llama": "genkit.interop.llama:LLAMA",
        "mistral": "genkit.interop.mistral:MISTRAL",
        "qwen2": "genkit.interop.qwen2:QWEN2",
        "qwen3": "genkit.interop.qwen3:QWEN3",
        "gpt_neox": "genkit.interop.gpt_neox:GPT_NEOX",
    },
)


def described(plain: Mapping[str, object], path: Path) -> tuple[Architecture, TransformerConfig]:
    """The architecture of a config.json, and the network that it describes.

    Raises:
        ConfigError: another architecture, or a setting that is not computed here.
        CheckpointError: a size is missing or none.
    """
    kind = str(plain.get("model_type"))
    if not ARCHITECTURES.knows(kind):
        alike = difflib.SequenceMatcher(b=kind)
        known = sorted(ARCHITECTURES.names(), key=lambda name: -_alike(alike, name))
        raise ConfigError(
            f"{path}: model_type={kind[:60]} is none that genkit reads; these are, the most alike first:"
            f" {', '.join(known)}."
        )
    architecture, json = ARCHITECTURES.load(kind), ModelJson(plain, path)
    config = architecture.read(json)
    json.finish()
    return architecture, config


def _alike(kind: difflib.SequenceMatcher[str], name: str) -> float:
    kind.set_seq1(name)
    return kind.ratio()


def holding(config: TransformerConfig) -> Architecture:
    """The architecture that a network is, of several the one that needs the fewest biases of zeros.

    Raises:
        ConfigError: none is; what the nearest one lacks is named.
    """
    known = [ARCHITECTURES.load(name) for name in ARCHITECTURES.names()]
    lost = {architecture.model_type: losses(architecture, config) for architecture in known}
    if able := [architecture for architecture in known if not lost[architecture.model_type]]:
        return min(able, key=lambda architecture: zeros(architecture, config))
    nearest = min(lost, key=lambda name: len(lost[name]))
    named = ", ".join(f"model.{key}={value}" for key, value in lost[nearest].items())
    raise ConfigError(
        f"no architecture of transformers that genkit writes ({', '.join(lost)}) has these blocks:"
        f" the nearest, {nearest}, has no {named}."
    )
