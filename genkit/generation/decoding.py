"""Drawing tokens one after another: a choice that one uniform number decides, on cached keys and values.

The context of a decoder is finite.  A row whose context is full goes on with the second half of it, read
anew from place 0 (a sliding window that moves by half a context); each row does so at its own length, so a
sample does not depend on its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from genkit.core.codecs import Codec
from genkit.core.noise import Noise
from genkit.core.options import Options
from genkit.core.stopping import between_steps
from genkit.generation.reading import read_prompts
from genkit.generation.step_numbers import StepNumbers
from genkit.nn.incremental import Stepper
from genkit.nn.key_value_cache import KVCache
from genkit.nn.products import kept_in
from genkit.nn.transformer import Transformer

UNIFORMS = 256  # random numbers of a row drawn at once
COLD = 2.0**-60  # a temperature below which a quotient could overflow
COLDEST = 2.0**-100  # the smallest that is computed with; already here the order alone is left


def uniforms(noise: Noise, steps: int) -> Iterator[Tensor]:
    """What decides each token of every row, (B,) a step; the first of them are the same for any `steps`."""
    for start in range(0, steps, UNIFORMS):
        columns = noise.uniform(f"tokens/{start}", UNIFORMS)
        yield from columns[:, : steps - start].unbind(1)


def filter_logits(
    logits: Tensor, options: Options, seen: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Logits (B, V) after repetition penalty, temperature, top-k, top-p and min-p, in this order.

    Args:
        seen: bool (B, V), the tokens that each row holds already; needed for the repetition penalty.

    Returns:
        The logits, excluded ones at -inf, and the tokens that they are of; None for all V in order.  With
        top-k, all else looks at k tokens only: (B, k).
    """
    if seen is not None:  # Keskar et al. 2019, CTRL: divide what is positive, multiply what is negative
        penalty = options["repetition_penalty"]
        logits = torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
    if (temperature := options["temperature"]) < COLD:  # below the largest, no quotient but -inf is too large
        logits = (logits - logits.amax(-1, keepdim=True)) / max(temperature, COLDEST)
    else:
        logits = logits / temperature
    kept = None
    if (k := options["top_k"]) is not None and k < logits.shape[-1]:
        # In the order of the vocabulary: then rounding moves the bounds of tokens, never their order.
        kept = logits.topk(k, sorted=False).indices.sort().values
        logits = logits.gather(-1, kept)
    if (p := options["top_p"]) is not None and p < 1:
        ordered, place = logits.sort(dim=-1, descending=True)
        probabilities = ordered.softmax(-1)
        # Nucleus (Holtzman et al. 2020): the smallest set whose mass reaches p; the likeliest always stays.
        excluded = torch.empty_like(place, dtype=torch.bool)
        beyond = probabilities.cumsum(-1) - probabilities >= p
        beyond[..., 0] = False  # also where float32 takes p for 0
        excluded.scatter_(-1, place, beyond)
        logits = logits.masked_fill(excluded, -torch.inf)
    if (p := options["min_p"]) is not None and p > 0:  # Nguyen et al. 2024; probabilities may round to a tie
        logits = logits.masked_fill(logits < logits.amax(-1, keepdim=True) + math.log(p), -torch.inf)
    return logits, kept


def choose(logits: Tensor, uniform: Tensor, options: Options, seen: Tensor | None = None) -> Tensor:
    """One token a row: the likeliest at temperature 0, else by inversion of the distribution function.

    Args:
        logits: (B, V).
        uniform: float32 in [0, 1 - 2^-24], (B,).

    Returns:
        int64 (B,).
    """
    if options["temperature"] == 0:
        greedy = {**options, "temperature": 1.0, "top_k": None, "top_p": None, "min_p": None}
        return filter_logits(logits, greedy, seen)[0].argmax(-1)
    logits, kept = filter_logits(logits.float(), options, seen)
    cumulative = logits.softmax(-1).cumsum(-1)
    # The product rounds to a float32 below the last entry, so some entry is above it, and the first such
    # entry is that of a token with a probability.
    target = uniform[:, None] * cumulative[:, -1:]
    token = torch.searchsorted(cumulative, target, right=True)
    return (token if kept is None else kept.gather(-1, token)).squeeze(-1)


@torch.inference_mode()
def decode(
    network: Transformer,
    prompts: Sequence[Tensor],
    uniforms: Iterable[Tensor],
    options: Options,
    banned: Tensor | None = None,
    first: Tensor | None = None,
    free: Sequence[Tensor] = (),
    logprobs: StepNumbers | None = None,
) -> Iterator[Tensor]:
    """Yield the next token of every row, int64 (B,), once for each of the uniforms.

    Args:
        prompts: one int64 (T_b,) a row, of at least one token.
        uniforms: float32 (B,) each, what decides one choice of every row.
        options: as `choose` takes them; `precision` of the steps, float32 unless given.
        banned: tokens that are never drawn.
        first: which tokens each row may begin with, bool (B, V); None: all.
        free: what each row would begin with if nothing were asked for; () draws as asked alone.  Given, it is
            drawn from logits that go from those of `free` towards those of `prompts`, and beyond by as much
            as `guidance` of the options is above 1 (Ho and Salimans 2022).
        logprobs: takes up the log-probability of each token that is chosen, under the network's distribution
            for `prompts`, before anything is done to it.
    """
    S, device = network.config.block_size, network.tokens.weight.device
    never = None if banned is None else banned.to(device)  # at each token the copy would wait for it
    rows = [prompt.to(device) for prompt in prompts]
    read = [*rows, *(row.to(device) for row in free)]
    seen = None
    if options["repetition_penalty"] != 1:
        seen = torch.zeros(len(rows), network.config.vocab_size, dtype=torch.bool, device=device)
        for b, row in enumerate(rows):
            seen[b, row] = True
        seen = seen[:, : network.config.logits]  # starts of classes and the like never come next
    history = [row[-S:] for row in read]  # of a prompt longer than the context, the last S tokens
    precision = options.get("precision", "float32")
    cache = KVCache(network.config, len(read), network.tokens.weight, kept_in(precision, device))
    step = Stepper(network, cache, precision)
    fresh: list[Tensor] = []  # drawn since the cache was filled
    for number, uniform in enumerate(uniforms):
        between_steps()
        if number == 0:
            logits = read_prompts(step, history)
        elif cache.length < S:
            logits = step(fresh[-1])
        else:  # some row is full
            history = [row[-(S // 2) - 1 :] if len(row) > S else row for row in _append(history, fresh)]
            logits, fresh = read_prompts(step, history), []
        known = None if logprobs is None else logits[: len(rows)].log_softmax(-1)
        if free:
            asked, plain = logits.chunk(2)
            logits = plain + options["guidance"] * (asked - plain)
        if never is not None:
            logits.index_fill_(1, never, -torch.inf)
        if first is not None and number == 0:
            logits = logits.masked_fill(~first, -torch.inf)
        token = choose(logits, uniform, options, seen)
        if seen is not None:
            seen.scatter_(1, token[:, None], True)
        if logprobs is not None and known is not None:
            logprobs.add(known.gather(1, token[:, None]).squeeze(1))
        fresh.append(token.repeat(2) if free else token)
        yield token


def _append(history: list[Tensor], fresh: list[Tensor]) -> list[Tensor]:
    new = torch.stack(fresh, dim=1)
    return [torch.cat((row, tail)) for row, tail in zip(history, new, strict=True)]


class Drawn:
    """The new tokens of each row, each row closed where one of the stop texts begins.

    A stop text may begin inside a token; that whole token is left out then.
    """

    def __init__(self, rows: int, codec: Codec, stops: Sequence[str]) -> None:
        self._rows: list[list[int]] = [[] for _ in range(rows)]
        self._columns = StepNumbers()  # where nothing can close a row
        self._open = set(range(rows))
        self._settled = 0
        self._codec, self._stops = codec, stops
        # A token is at least one byte, so a stop text that has just been completed begins in this tail.
        self._longest = max((len(stop.encode()) for stop in stops), default=1)
        self._tail = self._longest + 4

    def add(self, tokens: Tensor) -> bool:
        """Add one token to each open row, (B,); whether all rows are closed now.

        Without stop texts nothing is read, so that a GPU goes on drawing.
        """
        if not self._stops:
            self._columns.add(tokens)
            return False
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

    def settle(self, closed: bool) -> list[int]:
        """The first row's tokens since the last call that no stop text can take back any more.

        Args:
            closed: whether nothing will follow, so that all are certain.
        """
        row, begin = self._rows[0], self._settled
        row += [self._columns.first(step) for step in range(len(row), len(self._columns))]
        self._settled = len(row) if closed else max(begin, len(row) - self._longest + 1)
        return row[begin : self._settled]

    def tokens(self) -> list[Tensor]:
        """The new tokens of each row, int64 (T_b,)."""
        if (rows := self._columns.rows()) is not None:
            return list(rows)
        return [torch.tensor(row, dtype=torch.int64) for row in self._rows]


class Unfolding:
    """Tokens to pieces of text that join to the text of them all.

    What a token says may depend on the one before it, and a character may have several tokens.  So a piece
    is what a text gains by its tokens, and ends where a character does.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._told: list[int] = []  # the tokens of the last piece
        self._waiting: list[int] = []

    def add(self, tokens: Sequence[int]) -> str:
        """The next piece; empty while a character is unfinished."""
        self._waiting += tokens
        piece = self._gained()
        if not self._waiting or piece.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        self._told, self._waiting = self._waiting, []
        return piece

    def rest(self) -> str:
        """What is left at the end, unfinished characters as U+FFFD."""
        return self._gained()

    def _gained(self) -> str:
        before = self._codec.decode(self._told)
        return self._codec.decode([*self._told, *self._waiting])[len(before) :]
