"""Prompts read into a cache: equal ones once, and what all of them begin with once.

Legend: B rows, U different ones, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from genkit.nn.incremental import Stepper
from genkit.nn.key_value_cache import KVCache

SHARED = 32  # tokens of a common beginning from which reading it by itself, a pass of its own, is worth it


def read_prompts(step: Stepper, history: Sequence[Tensor]) -> Tensor:
    """Fill the stepper's cache with the rows, aligned at their right ends: the last logits (B, V)."""
    longest = max(len(row) for row in history)
    tokens = torch.stack([pad(row, (longest - len(row), 0)) for row in history])
    padding = torch.tensor([longest - len(row) for row in history])
    first, place = _different(tokens, padding)
    cache = step.cache
    cache.length = 0
    cache.padding = padding.to(tokens.device) if bool(padding.any()) else None
    if len(first) == len(history):
        return _read(step, cache, tokens, padding)
    beside = cache.beside(len(first), longest)
    beside.padding = None if cache.padding is None else cache.padding[first]
    logits = _read(step, beside, tokens[first], padding[first])
    cache.take(beside, place)
    return logits[place]


def _different(tokens: Tensor, padding: Tensor) -> tuple[list[int], list[int]]:
    """The first row of each of the different ones, and of which of them every row is."""
    number: dict[tuple[int, bytes], int] = {}
    first, place = [], []
    for b, (row, before) in enumerate(zip(tokens.cpu().numpy(), padding.tolist(), strict=True)):
        key = (before, row.tobytes())
        if key not in number:
            number[key] = len(number)
            first.append(b)
        place.append(number[key])
    return first, place


def _read(step: Stepper, cache: KVCache, tokens: Tensor, padding: Tensor) -> Tensor:
    """Read rows that differ, (U, T) with so much padding (U,) at their left, into an empty cache."""
    begun = _common(tokens, padding)
    if begun < SHARED:
        return step.read(tokens, cache)
    longest = int(padding.argmin())  # it has no padding, so that what all begin with are its first columns
    beginning = cache.beside(1, begun)
    step.read(tokens[longest : longest + 1, :begun], beginning)
    cache.begin(beginning)
    return step.read(tokens[:, begun:], cache)


def _common(tokens: Tensor, padding: Tensor) -> int:
    """With how many tokens all rows begin, of those before the last of each; 0 of a single row."""
    if len(tokens) == 1:
        return 0
    shortest = tokens.shape[1] - int(padding.max())
    rows = torch.stack(
        [row[before : before + shortest - 1] for row, before in zip(tokens, padding.tolist(), strict=True)]
    )
    alike = (rows == rows[0]).all(0)
    return int(alike.long().cumprod(0).sum())
