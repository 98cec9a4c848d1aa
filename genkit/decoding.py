"""Drawing tokens one after another: a key-value cache, and a choice that one uniform number decides.

The context of a decoder is finite.  A row whose context is full goes on with the second half of it, read
anew from place 0 (a sliding window that moves by half a context); each row does so at its own length, so a
sample does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from genkit.core.tokens import Codec
from genkit.nn.transformer import KVCache, Transformer


def filter_logits(logits: Tensor, options: Mapping[str, Any], seen: Tensor | None) -> Tensor:
    """Logits (B, V) after repetition penalty, temperature, top-k, top-p and min-p, excluded ones at -inf.

    Args:
        seen: bool (B, V), the tokens that each row holds already; needed for the repetition penalty.
    """
    if seen is not None:  # Keskar et al. 2019, CTRL: divide what is positive, multiply what is negative
        penalty = options["repetition_penalty"]
        logits = torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
    logits = logits / options["temperature"]
    if (k := options["top_k"]) is not None and k < logits.shape[-1]:
        lowest = logits.topk(k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < lowest, -torch.inf)
    if (p := options["top_p"]) is not None and p < 1:
        ordered, place = logits.sort(dim=-1, descending=True)
        before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
        # Nucleus (Holtzman et al. 2020): the smallest set whose mass reaches p; the likeliest always stays.
        excluded = torch.zeros_like(before, dtype=torch.bool).scatter(-1, place, before >= p)
        logits = logits.masked_fill(excluded, -torch.inf)
    if (p := options["min_p"]) is not None and p > 0:  # Nguyen et al. 2024
        probabilities = logits.softmax(-1)
        logits = logits.masked_fill(probabilities < p * probabilities.amax(-1, keepdim=True), -torch.inf)
    return logits


def choose(logits: Tensor, uniform: Tensor, options: Mapping[str, Any], seen: Tensor | None = None) -> Tensor:
    """One token a row: the likeliest at temperature 0, else by inversion of the distribution function.

    Args:
        logits: (B, V).
        uniform: in [0, 1), (B,).

    Returns:
        int64 (B,).
    """
    if options["temperature"] == 0:
        greedy = {**options, "temperature": 1.0, "top_k": None, "top_p": None, "min_p": None}
        return filter_logits(logits, greedy, seen).argmax(-1)
    cumulative = filter_logits(logits.float(), options, seen).softmax(-1).cumsum(-1)
    # Scaling by the last entry (1 up to rounding) keeps the choice inside the vocabulary.
    target = uniform[:, None].to(cumulative) * cumulative[:, -1:]
    token = torch.searchsorted(cumulative, target, right=True).squeeze(-1)
    last = (cumulative < cumulative[:, -1:]).sum(-1)  # the last token with any probability
    return torch.minimum(token, last)


def decode(
    network: Transformer, prompts: Sequence[Tensor], uniform: Tensor, options: Mapping[str, Any]
) -> Iterator[Tensor]:
    """Yield the next token of every row, int64 (B,), as many times as `uniform` has columns.

    Args:
        prompts: one int64 (T_b,) a row, of at least one token.
        uniform: (B, steps), what decides each choice.
    """
    S, device = network.config.block_size, uniform.device
    rows = [prompt.to(device) for prompt in prompts]
    seen = None
    if options["repetition_penalty"] != 1:
        seen = torch.zeros(len(rows), network.config.vocab_size, dtype=torch.bool, device=device)
        for b, row in enumerate(rows):
            seen[b, row] = True
    history = [row[-S:] for row in rows]  # of a prompt longer than the context, the last S tokens
    cache = KVCache(network.config, len(rows), network.tokens.weight)
    logits = _read(network, cache, history)
    fresh: list[Tensor] = []
    for step in range(uniform.shape[1]):
        token = choose(logits, uniform[:, step], options, seen)
        if seen is not None:
            seen.scatter_(1, token[:, None], True)
        yield token
        if step + 1 == uniform.shape[1]:
            return
        fresh.append(token)
        if cache.length < S:
            logits = network(token[:, None], cache)[:, -1]
        else:  # some row is full
            longer = _append(history, fresh)
            history = [row[-(S // 2) - 1 :] if len(row) > S else row for row in longer]
            logits, fresh = _read(network, cache, history), []


def _append(history: list[Tensor], fresh: list[Tensor]) -> list[Tensor]:
    new = torch.stack(fresh, dim=1)
    return [torch.cat((row, tail)) for row, tail in zip(history, new, strict=True)]


def _read(network: Transformer, cache: KVCache, history: Sequence[Tensor]) -> Tensor:
    """Fill the cache with the rows, aligned at their right ends, and return the last logits (B, V)."""
    longest = max(len(row) for row in history)
    padding = torch.tensor([longest - len(row) for row in history], device=history[0].device)
    tokens = torch.stack([torch.nn.functional.pad(row, (longest - len(row), 0)) for row in history])
    cache.length = 0
    cache.padding = padding if bool(padding.any()) else None
    return network.head(network.features(tokens, cache)[:, -1])


class Drawn:
    """The new tokens of each row, each row closed where one of the stop texts begins.

    A stop text may begin inside a token; that whole token is left out then.
    """

    def __init__(self, rows: int, codec: Codec, stops: Sequence[str]) -> None:
        self._rows: list[list[int]] = [[] for _ in range(rows)]
        self._open = set(range(rows))
        self._codec, self._stops = codec, stops
        # A token is at least one byte, so a stop text that has just been completed begins in this tail.
        self._tail = max((len(stop.encode()) for stop in stops), default=0) + 4

    def add(self, tokens: Tensor) -> bool:
        """Add one token to each open row, (B,); whether all rows are closed now."""
        for b, token in enumerate(tokens.tolist()):
            if b in self._open:
                self._rows[b].append(token)
                if self._stops and self._close(self._rows[b]):
                    self._open.discard(b)
        return not self._open

    def _close(self, row: list[int]) -> bool:
        """Cut the row where a stop text begins; whether there is one."""
        tail = row[-self._tail :]
        text = self._codec.decode(tail)
        found = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if not found:
            return False
        before = text[: min(found)]
        while tail and not before.startswith(self._codec.decode(tail)):
            tail.pop()
            row.pop()
        return True

    def tokens(self) -> list[Tensor]:
        """The new tokens of each row, int64 (T_b,)."""
        return [torch.tensor(row, dtype=torch.int64) for row in self._rows]
