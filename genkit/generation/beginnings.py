"""The part of an array that is known before its rest is drawn: its beginning, in the order of tokens.

Legend: B batch, T tokens, V tokens that can come next.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.core.codecs import ArrayCodec, LearnedCodec
from genkit.core.observation import Mask, Observation
from genkit.core.spec import TokenSpec
from genkit.core.token_arrays import entries_of, ids_of


@dataclass(frozen=True)
class Beginning:
    """What is known of arrays.

    Attributes:
        tokens: those that are known, (B, T).
        first: which tokens agree with what is known of the next one, bool (B, V); None: all.
    """

    tokens: Tensor
    first: Tensor | None


def beginning(spec: TokenSpec, observation: Observation, measured: Tensor) -> Beginning:
    """Of arrays in [0, 1] that are known where the observation says, (B, C, *sizes)."""
    if (learned := spec.learned_codec) is not None:
        return _coded(learned, observation, measured)
    codec = spec.array_codec
    assert codec is not None
    whole, part = divmod(_known(codec, observation) or 0, codec.joined)
    ids = ids_of(codec, (measured * (codec.array.levels - 1)).round().long())
    if not part:
        return Beginning(ids[:, :whole], None)
    # What is known of an id are its highest digits, so the ids that agree with it are neighbours.
    alike = codec.array.levels ** (codec.joined - part)
    every = torch.arange(codec.outputs, device=ids.device)
    return Beginning(ids[:, :whole], every // alike == ids[:, whole, None] // alike)


def _coded(codec: LearnedCodec, observation: Observation, measured: Tensor) -> Beginning:
    """The codes of what is known; while they are made, what is hidden is black, or silent."""
    assert isinstance(observation, Mask)
    array, known = codec.array, observation.known.to(measured.device)
    levels = torch.where(known, measured * (array.levels - 1), float(array.nothing)).round()
    ids = torch.from_numpy(codec.to_ids(levels.cpu().numpy())).to(measured.device)
    return Beginning(ids[:, : _known_codes(codec, observation)], None)


def _known_codes(codec: LearnedCodec, observation: Observation) -> int | None:
    """How many codes stand for what is known, where they are the first in the order of tokens, and nothing is
    known of what the others stand for; else None."""
    if not isinstance(observation, Mask):
        return None
    sizes = zip(codec.array.sizes, codec.grid, strict=True)
    cells = observation.known.reshape([n for size, side in sizes for n in (side, size // side)])
    within = tuple(range(1, cells.ndim, 2))
    whole, some = cells.float().amin(within) > 0, cells.float().amax(within) > 0
    return Mask(known=whole.permute(codec.array.axes)).prefix() if torch.equal(whole, some) else None


def refusal(spec: TokenSpec, observation: Observation) -> str | None:
    """Why the rest cannot be drawn given what is known; None where it can."""
    if (learned := spec.learned_codec) is not None:
        if _known_codes(learned, observation) is not None:
            return None
        array = learned.array
        cells = "×".join(str(size // side) for size, side in zip(array.sizes, learned.grid, strict=True))
        answer = array.rest and f", as with mask={array.rest}"
        return (
            f"it draws {spec.medium.many} code by code, each for {cells} entries, so what is known must"
            f" begin them and end between codes{answer}."
        )
    codec = spec.array_codec
    assert codec is not None
    if _known(codec, observation) is not None:
        return None
    array = codec.array
    if (
        isinstance(observation, Mask)
        and Mask(known=observation.known.permute(array.axes)).prefix() is not None
    ):
        return _within_patches(codec, observation.known)
    answer = array.rest and f": of the verbs it answers complete with mask={array.rest}"
    return f"it draws {codec.medium.many} in raster order, so what is known must begin them{answer}."


def _within_patches(codec: ArrayCodec, known: Tensor) -> str:
    """What is said of a beginning, bool (*sizes), that ends within several patches at once."""
    slowest = codec.array.axes[0]
    side, size = codec.patch[slowest], codec.array.sizes[slowest]
    begun = int(known.movedim(slowest, 0).flatten(1).any(1).sum()) // side * side
    ends = " or ".join(str(end) for end in (begun, begun + side) if 0 < end < size)
    sides = "×".join(map(str, codec.patch))
    where = f": the first {ends} of {size} along {codec.array.names[slowest]}" if ends else ""
    return f"what is known ends within patches of {sides}, and must end between them{where}."


def _known(codec: ArrayCodec, observation: Observation) -> int | None:
    """How many entries are known, where they are the first in the order of tokens; else None."""
    if not isinstance(observation, Mask):
        return None
    places = observation.known.expand(1, *codec.array.shape)
    return Mask(known=entries_of(codec, places)).prefix()
