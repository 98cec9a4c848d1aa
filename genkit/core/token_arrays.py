"""Tokens of arrays as tensors: what an `ArrayCodec` does in numpy, on any device.

Legend: B batch, T tokens, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.codecs import ArrayCodec
from genkit.core.spec import TokenSpec


def levels_of(codec: ArrayCodec, ids: Tensor) -> Tensor:
    """The levels in ids (B, T), in their order, (B, T · joined)."""
    if codec.joined == 1:
        return ids
    levels = codec.array.levels
    powers = levels ** torch.arange(codec.joined - 1, -1, -1, device=ids.device)
    return (ids[..., None] // powers % levels).flatten(1)


def arrays_of(codec: ArrayCodec, ids: Tensor) -> Tensor:
    """Ids (B, T) of whole arrays as levels, (B, C, *sizes)."""
    turned = levels_of(codec, ids).view(-1, *codec.ordered).permute(codec.back)
    return turned.reshape(-1, *codec.array.shape)


def unit_arrays(spec: TokenSpec, ids: Tensor) -> Tensor:
    """Ids (B, T) of whole arrays as arrays in [0, 1], (B, C, *sizes)."""
    if (learned := spec.learned_codec) is not None:
        return torch.from_numpy(learned.to_unit(ids.cpu().numpy())).to(ids.device)
    codec = spec.array_codec
    assert codec is not None
    return arrays_of(codec, ids) / (codec.array.levels - 1)


def entries_of(codec: ArrayCodec, arrays: Tensor) -> Tensor:
    """What arrays (B, C, *sizes) have at each place, in the order of ids, (B, T · joined)."""
    return arrays.reshape(-1, *codec.grouped).permute(codec.order).flatten(1)


def expected_arrays(codec: ArrayCodec, chances: Tensor) -> Tensor:
    """The mean of each entry, from 0 to 1, where ids have these probabilities (B, T, V): (B, C, *sizes)."""
    numbers = torch.arange(codec.outputs, device=chances.device)
    levels = levels_of(codec, numbers[:, None]) if codec.joined > 1 else numbers[:, None]  # (V, joined)
    entries = chances @ (levels.to(chances) / (codec.array.levels - 1))
    turned = entries.reshape(-1, *codec.ordered).permute(codec.back)
    return turned.reshape(-1, *codec.array.shape)


def ids_of(codec: ArrayCodec, levels: Tensor) -> Tensor:
    """Levels (B, C, *sizes) as ids without the start, (B, T)."""
    entries = entries_of(codec, levels)
    if codec.joined == 1:
        return entries
    powers = codec.array.levels ** torch.arange(codec.joined - 1, -1, -1, device=levels.device)
    ids: Tensor = (entries.unflatten(1, (-1, codec.joined)) * powers).sum(-1)
    return ids
