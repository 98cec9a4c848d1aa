"""What a token of an array holds: one entry, or a patch of neighbours as it is configured."""

from __future__ import annotations

import math
from itertools import product

from genkit.core.codecs import ArrayCodec, PatchCodec, PixelCodec
from genkit.core.codecs.array_codec import MOST_IDS
from genkit.core.spec import ArraySpec
from genkit.system.errors import ConfigError

Patch = tuple[int, ...]


def array_codec(name: str, array: ArraySpec, asked: int | Patch | None, block_size: int) -> ArrayCodec:
    """The codec that makes an array a sequence, which a model reads as a whole.

    Args:
        name: of the dataset.
        asked: neighbours that are one token: along the fastest axis in the order of tokens, or along each,
            before which may stand how many channels are.
        block_size: of the model; 0: as the data has it.

    Raises:
        ConfigError: there are no such patches of these arrays, or the model reads only a part of one.
    """
    patch = _patch(array, asked)
    codec = PixelCodec(array) if math.prod(patch) == 1 else PatchCodec(array, patch)
    if block_size not in (0, codec.length):
        shape = "×".join(map(str, array.shape))
        raise ConfigError(
            f"model.block_size={block_size}: {array.medium.one} of data={name} is {shape}, {codec.length}"
            " tokens; leave model.block_size out, or set data.size."
        )
    return codec


def _patch(array: ArraySpec, asked: int | Patch | None) -> Patch:
    """One number an axis; before them that of the channels, where it was given.

    Raises:
        ConfigError: it does not divide the array, or has more values than a token has.
    """
    if array.levels > MOST_IDS:
        raise ConfigError(
            f"{array.medium.many} of {array.levels:,} levels are no tokens, which have {MOST_IDS:,} values at"
            " most; set data.view=mu_law or mel."
        )
    sizes, names, fastest = array.sizes, array.names, array.axes[-1]
    if asked is None or isinstance(asked, int):
        patch = tuple(asked or 1 if axis == fastest else 1 for axis in range(len(sizes)))
    else:
        patch = asked
    if len(patch) == len(sizes) + 1 and (array.channels > 1 or patch[0] == 1):
        sizes, names, fastest = array.shape, ("channels", *names), fastest + 1
    if len(patch) != len(sizes):
        raise ConfigError(
            f"{_said(asked)}: {array.medium.one} has {len(sizes)} axes ({', '.join(names)}); give a number"
            f" for each, or one number, of neighbours along {names[fastest]}."
        )
    if len(sizes) > len(array.sizes) and patch[0] not in (1, array.channels):
        raise ConfigError(
            f"{_said(asked)}: {array.medium.one} has {array.channels} channels, which are a token each, or"
            f" all are one: {_said((array.channels, *patch[1:]))}."
        )
    for axis, (size, side) in enumerate(zip(sizes, patch, strict=True)):
        if size % side:
            near = min(_divisors(size), key=lambda one: abs(one - side))
            best = tuple(near if other == axis else own for other, own in enumerate(patch))
            raise ConfigError(
                f"{_said(asked)}: {array.medium.one} has {size} places along {names[axis]}, no multiple of"
                f" {side} (nearest: {_said(best if isinstance(asked, tuple) else near)})."
            )
    if not _fits(array.levels, patch):
        ours = [[d for d in _divisors(size) if d <= side] for size, side in zip(sizes, patch, strict=True)]
        fitting = [smaller for smaller in product(*ours) if _fits(array.levels, smaller)]
        best = max(fitting, key=lambda own: (math.prod(own), own[fastest]), default=())
        found = _said(best if isinstance(asked, tuple) else best[fastest]) if math.prod(best) > 1 else ""
        advice = f"the largest that fits is {found}" if found else "leave it out, or set data.levels"
        joined = math.prod(patch)
        raise ConfigError(
            f"{_said(asked)}: {joined} neighbours of {array.levels} levels have {array.levels}^{joined}"
            f" values, and a token has {MOST_IDS:,} at most; {advice}."
        )
    return patch


def _said(patch: int | Patch | None) -> str:
    return f"data.patch={str(list(patch)).replace(' ', '') if isinstance(patch, tuple) else patch}"


def _divisors(size: int) -> list[int]:
    return [side for side in range(1, size + 1) if size % side == 0]


def _fits(levels: int, patch: Patch) -> bool:
    joined = math.prod(patch)
    return joined < MOST_IDS.bit_length() and levels**joined <= MOST_IDS
