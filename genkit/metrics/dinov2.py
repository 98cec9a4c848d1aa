"""`extractor=dinov2`: DINOv2 from a file of weights, by whose features Stein et al. (2023) compare pictures.

Small, base and large ViT with patches of 14 are read, as Meta publishes them (`dinov2_vits14_pretrain.pth`)
and as transformers saves them (a folder, or its `model.safetensors`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from genkit.metrics.dinov2_network import PATCH, SIDE, DinoNetwork
from genkit.metrics.extractors import Extractor, OfFile, weights_digest
from genkit.metrics.weight_files import fill, located, read_weights
from genkit.system.errors import CheckpointError, ConfigError

SIZES = {384: "small", 768: "base", 1024: "large"}
RESIZER = f"grey repeated thrice; bicubic, antialiased, to {SIDE}×{SIDE} in 256 levels, as Pillow"
WANTED = (
    "extractor=dinov2 needs a file, which genkit evaluate takes as extractor.weights=FILE:"
    " dinov2_vits14_pretrain.pth, vitb14 or vitl14, or the model.safetensors of facebook/dinov2-small, -base"
    " or -large."
)
UNUSED = ("mask_token", "embeddings.mask_token")
# transformers' names, and the original's.
RENAMED = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "layernorm": "norm",
}
IN_A_LAYER = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attention.output.dense": "attn.proj",
    "attention.o_proj": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)")
# Queries, keys and values, which are one matrix there: in files, and in models since transformers 5.
PARTS = (
    tuple(f"attention.attention.{part}" for part in ("query", "key", "value")),
    tuple(f"attention.{part}_proj" for part in "qkv"),
)


def dinov2(weights: str | Path | None = None) -> Extractor:
    """DINOv2: the normalised class token of a picture at 224×224.

    Args:
        weights: the file, or a folder of transformers'.

    Raises:
        ConfigError: none is given, or it is not there.
        CheckpointError: it is damaged, or of another network.
    """
    if weights is None:
        raise ConfigError(WANTED)
    path = located(weights, "extractor.weights")
    state = originals(read_weights(path))
    width, depth, places = sizes_of(state, path)
    with torch.device("meta"):
        network = DinoNetwork(width, depth, places).eval()
    fill(network, state, path)
    frozen = network.requires_grad_(False)
    digest = weights_digest(frozen.state_dict(), "dinov2")
    return Extractor("dinov2", frozen, digest, width, RESIZER)


def originals(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by the names of the original's, whoever wrote them."""
    plain = {name.removeprefix("dinov2."): value for name, value in tensors.items()}
    found = {}
    for name, value in plain.items():
        stem, _, kind = name.rpartition(".")
        layer = LAYER.fullmatch(stem if kind in ("weight", "bias") else name)
        if name in UNUSED:
            continue
        if layer is None:
            known = RENAMED.get(name) or (f"{RENAMED[stem]}.{kind}" if stem in RENAMED else name)
            found[known] = value
        elif parts := next((parts for parts in PARTS if layer[2] in parts), None):
            names = [f"encoder.layer.{layer[1]}.{part}.{kind}" for part in parts]
            if all(other in plain for other in names):
                found[f"blocks.{layer[1]}.attn.qkv.{kind}"] = torch.cat([plain[other] for other in names])
        else:
            own = IN_A_LAYER.get(layer[2], layer[2])
            found[f"blocks.{layer[1]}.{own}" + (f".{kind}" if kind in ("weight", "bias") else "")] = value
    return found


def sizes_of(state: Mapping[str, Tensor], path: Path) -> tuple[int, int, int]:
    """Width, depth and places of the network that these tensors are of.

    Raises:
        CheckpointError: it is none of DINOv2 with patches of 14, or has parts that are not read here.
    """
    if "register_tokens" in state or "embeddings.register_tokens" in state:
        raise CheckpointError(f"{path} is DINOv2 with registers, which is not read here: take one without.")
    positions, patches = state.get("pos_embed"), state.get("patch_embed.proj.weight")
    if positions is None or patches is None or positions.ndim != 3 or patches.ndim != 4:
        raise CheckpointError(f"{path} holds no DINOv2: it lacks position or patch embeddings.")
    width, places = positions.shape[-1], positions.shape[1]
    if patches.shape[-1] != PATCH or width not in SIZES or math.isqrt(places - 1) ** 2 != places - 1:
        said = ", ".join(f"{name} ({own})" for own, name in SIZES.items())
        raise CheckpointError(
            f"{path} has width {width} and patches of {patches.shape[-1]}; of DINOv2 with patches of {PATCH}"
            f" {said} are read."
        )
    blocks = {int(name.split(".")[1]) for name in state if re.match(r"blocks\.\d+\.", name)}
    return width, len(blocks), places


DINOV2 = OfFile(dinov2)
