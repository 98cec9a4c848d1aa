"""Likelihood as measures: nats, bits per dimension or byte, with an interval over examples.

Every panel says what the model's likelihood is worth: exact, a bound with k importance samples, or none with
the reason.  A number without that word means nothing beside another model's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from genkit.metrics import value_intervals
from genkit.metrics.measure import Kind, Measure, Protocol
from genkit.system.errors import Unmeasurable

if TYPE_CHECKING:
    from genkit.metrics.evidence import Evidence

LEAST = 10
OF_EXAMPLE = ("nll", "bits_per_dimension")
OF_TOKENS = ("nll", "perplexity", "bits_per_byte")
LEAST_TOKENS = 500
LEAST_DOCUMENTS = 20  # that have an interval
LEAST_BYTES = 50_000  # of a running text that has one; its far-away stretches are alike, too
OF_EXAMPLES = "the mean over all examples that the data could have, this network held fixed"
COUNTED = 2**20  # tokens counted at once
STRETCHES = "stretches (of texts that it was not made on it held 90 to 100 %)"
OF_TEXT = "the mean over all text that the source could have, this network held fixed"


@dataclass(frozen=True)
class ExampleScores:
    """How likely whole examples are to a model.

    Attributes:
        log_likelihoods: in nats, (N,).
        dimensions, levels: numbers in an example, and values that each can have.
        k: importance samples of a bound.
        probability: whether it is one; a density has no equal chances of levels beside it.
        about: what else the numbers depend on, see `example_measures`.
        through: what a bound says of examples only by way of: "codes"; "" without one.
    """

    log_likelihoods: np.ndarray
    kind: Kind
    dimensions: int
    levels: int
    k: int | None = None
    probability: bool = True
    about: Protocol = field(default_factory=dict)
    through: str = ""


@dataclass(frozen=True)
class TokenScores:
    """How likely the tokens of a running text are to a model, and to a unigram model.

    Attributes:
        log_likelihoods, unigram: in nats, (N,).
        size, stride, codec, sizes, documents: see `token_measures`.
        lossy: whether the tokens do not say the whole text, which then has no bits per byte.
    """

    log_likelihoods: np.ndarray
    unigram: np.ndarray
    size: int
    stride: int | str
    codec: str
    sizes: np.ndarray | None = None
    documents: np.ndarray | None = None
    lossy: bool = False

    def measures(self, log_likelihoods: np.ndarray) -> list[Measure]:
        how = (self.size, self.stride, self.codec, self.sizes, self.documents)
        found = token_measures(log_likelihoods, *how)
        return [m for m in found if not (self.lossy and m.metric == "bits_per_byte")]


def measures(evidence: Evidence) -> list[Measure]:
    """Every unit of the likelihoods of the evidence."""
    scores = evidence.likelihoods
    if isinstance(scores, TokenScores):
        return scores.measures(scores.log_likelihoods)
    if scores is None:
        return []
    about = {**scores.about, **({"through": scores.through} if scores.through else {})}
    return example_measures(scores.log_likelihoods, scores.kind, scores.dimensions, scores.k, about)


def ceiling(evidence: Evidence) -> list[Measure]:
    """The same of who has learnt nothing: a unigram model of texts, equal chances of all levels else."""
    scores = evidence.likelihoods
    if isinstance(scores, TokenScores):
        return scores.measures(scores.unigram)
    if scores is None or not scores.probability:
        return []
    return uniform_measures(scores.dimensions, scores.levels, len(scores.log_likelihoods), scores.about)


def example_measures(
    log_likelihoods: np.ndarray, kind: Kind, dimensions: int, k: int | None, about: Protocol | None = None
) -> list[Measure]:
    """Of whole examples: nats each, bits per dimension.

    Args:
        log_likelihoods: in nats, (N,).
        dimensions: numbers in an example.
        k: importance samples of a bound; None of one that is a single number.
        about: what else they depend on: what is likely (a probability or a density), given what, how much of
            an example is padding.

    Raises:
        Unmeasurable: fewer than 10 examples.
    """
    if len(log_likelihoods) < LEAST:
        have = len(log_likelihoods)
        raise Unmeasurable(OF_EXAMPLE, f"need at least {LEAST} examples; there are {have}.")
    interval = value_intervals.mean(-log_likelihoods)
    about = {**(about or {}), **({"k": k} if kind == "bound" and k is not None else {})}
    return [
        _measure("nll", interval, "nats/example", kind, len(log_likelihoods), OF_EXAMPLES, about),
        _measure(
            "bits_per_dimension",
            _scaled(interval, 1 / (dimensions * math.log(2))),
            "bits/dimension",
            kind,
            len(log_likelihoods),
            OF_EXAMPLES,
            {**about, "dimensions": dimensions},
        ),
    ]


def token_measures(
    log_likelihoods: np.ndarray,
    size: int,
    stride: int | str,
    codec: str,
    sizes: np.ndarray | None = None,
    documents: np.ndarray | None = None,
) -> list[Measure]:
    """Of the tokens of a running text: nats each, perplexity, bits per byte.

    Documents are independent of one another, and so are enough of them all that an interval needs.  The
    stretches of one long text are not: see `spread.running`, whose settings were chosen on one text, so that
    95 % is its aim and what it held elsewhere stands beside it.  A text that is shorter than 50,000 bytes, of
    fewer than 20 documents, says too little of the source for an interval, and gets none.

    Args:
        log_likelihoods: in nats, (N,), in the text's order.
        size: bytes of the text.
        stride: tokens that a window scores.
        codec: what the tokens are; nats per token belong to it, bits per byte do not.
        sizes: bytes of each token, (N,); None: all alike.
        documents: the number of the document that each token is of, increasing, (N,); None: it is one text.

    Raises:
        Unmeasurable: fewer than 500 tokens.
    """
    count = len(log_likelihoods)
    if count < LEAST_TOKENS:
        raise Unmeasurable(OF_TOKENS, f"need at least {LEAST_TOKENS} tokens; there are {count}.")
    tokens = np.ones(count)
    sizes = tokens if sizes is None else np.asarray(sizes, dtype=np.float64)
    nats = -np.asarray(log_likelihoods, dtype=np.float64)
    separate = documents is not None and documents[-1] - documents[0] + 1 >= LEAST_DOCUMENTS
    if separate:
        assert documents is not None
        starts = np.flatnonzero(np.diff(documents, prepend=documents[0] - 1))
        nats, tokens, sizes = (np.add.reduceat(values, starts) for values in (nats, tokens, sizes))
    per_token: tuple[float | None, ...]
    per_size: tuple[float | None, ...]
    if not separate and size < LEAST_BYTES:
        per_token, per_size = (math.fsum(nats) / count, None, None), (math.nan, None, None)
        of = ""
    else:
        interval = value_intervals.ratio_of if separate else value_intervals.running
        per_token, per_size = interval(nats, tokens), interval(nats, sizes * (size / sizes.sum()))
        of = f"{OF_TEXT}, by its {'documents' if separate else STRETCHES}"
    about: Protocol = {"stride": stride}
    perplexity = tuple(None if end is None else math.exp(end) for end in per_token)
    bits = (
        math.fsum(nats) / (size * math.log(2)),
        *(None if e is None else e / math.log(2) for e in per_size[1:]),
    )
    by_codec = {**about, "codec": codec}
    return [
        _measure("nll", per_token, "nats/token", "exact", count, of, by_codec),
        _measure("perplexity", perplexity, "1", "exact", count, of, by_codec),
        _measure("bits_per_byte", bits, "bits/byte", "exact", size, of, about),
    ]


def uniform_measures(
    dimensions: int, levels: int, n: int = 0, about: Protocol | None = None
) -> list[Measure]:
    """What a model scores that thinks every level of every number as likely: the worst that is sensible.

    Args:
        n, about: as in `example_measures`, of the numbers that it is set beside.
    """
    nats, bits = dimensions * math.log(levels), math.log2(levels)
    about = about or {}
    wide = {**about, "dimensions": dimensions}
    return [
        Measure("nll", nats, "nats/example", "lower", "exact", n, protocol=about),
        Measure("bits_per_dimension", bits, "bits/dimension", "lower", "exact", n, protocol=wide),
    ]


def unigram_log_likelihoods(train: np.ndarray, tokens: np.ndarray, vocab_size: int) -> np.ndarray:
    """Of each token under the training part's frequencies with one added to each count, (N,)."""
    counts = token_counts(train, vocab_size).astype(np.float64) + 1
    logarithms: np.ndarray = np.log(counts / counts.sum())
    found: np.ndarray = logarithms[tokens]
    return found


def token_counts(tokens: np.ndarray, vocab_size: int) -> np.ndarray:
    """How often each token stands in a text, int64 (V,); a part at a time, for numpy counts a copy of 8 bytes
    a token."""
    counts = np.zeros(vocab_size, np.int64)
    for start in range(0, len(tokens), COUNTED):
        counts += np.bincount(tokens[start : start + COUNTED], minlength=vocab_size)
    return counts


def _scaled(interval: value_intervals.Interval, factor: float) -> value_intervals.Interval:
    value, low, high = interval
    return value * factor, low * factor, high * factor


def _measure(
    metric: str,
    interval: tuple[float | None, ...],
    unit: str,
    kind: Kind,
    n: int,
    of: str,
    about: Protocol,
) -> Measure:
    value, low, high = interval
    assert value is not None
    return Measure(metric, value, unit, "lower", kind, n, None, low, high, of, about)
