"""A sample in pieces, as they become certain: of its text, or of the time that it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod

import numpy as np
from torch import Tensor

from genkit.core.codecs import ArrayCodec, Codec
from genkit.core.options import Options
from genkit.core.questions import stops
from genkit.core.spec import TokenSpec
from genkit.generation.decoding import Drawn, Unfolding

Piece = str | np.ndarray


def pieces(
    spec: TokenSpec, prompt: Sequence[int], options: Options, steps: Iterable[Tensor]
) -> Iterator[Piece]:
    """Of one row, its prompt first, as what the tokens are is shown.

    Args:
        options: of sampling.
        steps: the next token of the row, (1,) each.
    """
    if (codec := spec.array_codec) is not None:
        yield from array_pieces(codec, prompt, steps)
    else:
        drawn = Drawn(1, spec.codec, stops(spec, options))
        yield from text_pieces(spec.codec, prompt, drawn, steps)


def text_pieces(codec: Codec, prompt: Sequence[int], drawn: Drawn, steps: Iterable[Tensor]) -> Iterator[str]:
    """The text of one row in pieces, its prompt first.

    Args:
        drawn: what keeps the tokens, and knows where a stop text ends them.
        steps: the next token of the row, (1,) each.
    """
    text = Unfolding(codec)
    if piece := text.add(prompt):
        yield piece
    for tokens in steps:
        closed = drawn.add(tokens)
        if piece := text.add(drawn.settle(closed)):
            yield piece
        if closed:
            break
    if piece := text.add(drawn.settle(True)) + text.rest():
        yield piece


def array_pieces(codec: ArrayCodec, prompt: Sequence[int], steps: Iterable[Tensor]) -> Iterator[np.ndarray]:
    """An array over time in pieces as its medium shows it, (C, T) each, its prompt first.

    A piece ends where all channels of a patch are there, the last one where the array does: what is not drawn
    of it is silence.
    """
    ids, told, patch = list(prompt), 0, codec.apart
    new = (int(tokens[0]) for tokens in steps)
    while told < codec.length:
        if (certain := len(ids) // patch * patch) > told:
            yield codec.stretch(ids[told:certain])
            told = certain
        elif (token := next(new, None)) is not None:
            ids.append(token)
        else:
            whole = codec.shown([np.array(ids, dtype=np.int64)]).arrays[0]
            yield whole[:, told // patch * prod(codec.patch) :]
            return
