"""Prompts read into a cache: equal ones once, and what all of them begin with once.

Legend: B rows, U different ones, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
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
    padding = [longest - len(row) for row in history]
    known = _on_host(tokens)
    first, place = _different(known, padding)
    cache = step.cache
    cache.length = 0
    cache.padding = torch.tensor(padding, device=tokens.device) if any(padding) else None
    if len(first) == len(history):
        return _read(step, cache, tokens, _common(known, padding), padding)
    beside = cache.beside(len(first), longest)
    beside.padding = None if cache.padding is None else cache.padding[first]
    padding = [padding[b] for b in first]
    logits = _read(step, beside, tokens[first], _common(known[first], padding), padding)
    cache.take(beside, place)
    return logits[place]


def _on_host(tokens: Tensor) -> np.ndarray:
    """The one wait for the device."""
    return tokens.cpu().numpy()


def _different(tokens: np.ndarray, padding: Sequence[int]) -> tuple[list[int], list[int]]:
    """The first row of each of the different ones, and of which of them every row is."""
    number: dict[tuple[int, bytes], int] = {}
    first, place = [], []
    for b, (row, before) in enumerate(zip(tokens, padding, strict=True)):
        key = (before, row.tobytes())
        if key not in number:
            number[key] = len(number)
            first.append(b)
        place.append(number[key])
    return first, place


def _read(step: Stepper, cache: KVCache, tokens: Tensor, begun: int, padding: Sequence[int]) -> Tensor:
    """Read rows that differ, (U, T) with so much padding at the left of each, into an empty cache; all of
    them begin with so many tokens."""
    if begun < SHARED:
        return step.read(tokens, cache)
    longest = padding.index(0)  # so that what all begin with are its first columns
    beginning = cache.beside(1, begun)
    step.read(tokens[longest : longest + 1, :begun], beginning)
    cache.begin(beginning)
    return step.read(tokens[:, begun:], cache)


def _common(tokens: np.ndarray, padding: Sequence[int]) -> int:
    """With how many tokens all rows begin, of those before the last of each; 0 of a single row."""
    if len(tokens) == 1:
        return 0
    shortest = tokens.shape[1] - max(padding)
    pairs = zip(tokens, padding, strict=True)
    rows = np.stack([row[before : before + shortest - 1] for row, before in pairs])
    return int(np.logical_and.accumulate((rows == rows[0]).all(0)).sum())
