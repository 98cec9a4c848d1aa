"""Likelihood as measures: nats, bits per dimension or byte, with an interval over examples.

Every panel says what the model's likelihood is worth: exact, a bound with k importance samples, or none with
the reason.  A number without that word means nothing beside another model's.
"""

from __future__ import annotations

import math

import numpy as np

from genkit.core.errors import Unmeasurable
from genkit.metrics import spread
from genkit.metrics.measure import Kind, Measure, Protocol

LEAST = 10
OF_EXAMPLE = ("nll", "bits_per_dimension")
OF_TOKENS = ("nll", "perplexity", "bits_per_byte")
PARTS = 50  # of a running text, whose neighbouring tokens are not independent
OF_EXAMPLES = "the mean over all examples that the data could have, this network held fixed"
OF_TEXT = "the mean over all text that the source could have, this network held fixed"


def example_measures(
    log_likelihoods: np.ndarray, kind: Kind, dimensions: int, k: int | None, about: Protocol | None = None
) -> list[Measure]:
    """Of whole examples: nats each, bits per dimension.

    Args:
        log_likelihoods: in nats, (N,).
        dimensions: numbers in an example.
        k: importance samples of a bound.
        about: what else they depend on: what is likely (a probability or a density), given what, how much of
            an example is padding.

    Raises:
        Unmeasurable: fewer than 10 examples.
    """
    if len(log_likelihoods) < LEAST:
        have = len(log_likelihoods)
        raise Unmeasurable(OF_EXAMPLE, f"need at least {LEAST} examples; there are {have}.")
    interval = spread.mean(-log_likelihoods)
    about = {**(about or {}), **({"k": k} if kind == "bound" else {})}
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


def token_measures(log_likelihoods: np.ndarray, size: int, stride: int | str, codec: str) -> list[Measure]:
    """Of the tokens of a running text: nats each, perplexity, bits per byte.

    The interval is that of the mean over 50 stretches of the text.

    Args:
        log_likelihoods: in nats, (N,), in the text's order.
        size: bytes of the text.
        stride: tokens that a window scores.
        codec: what the tokens are; nats per token belong to it, bits per byte do not.

    Raises:
        Unmeasurable: fewer than 500 tokens.
    """
    count = len(log_likelihoods)
    if count < PARTS * LEAST:
        raise Unmeasurable(OF_TOKENS, f"need at least {PARTS * LEAST} tokens; there are {count}.")
    length = count // PARTS
    stretches = -log_likelihoods[: length * PARTS].reshape(PARTS, length).mean(1)
    _, low, high = spread.mean(stretches)
    value = -math.fsum(log_likelihoods) / count
    middle = float(stretches.mean())
    interval = value, value + low - middle, value + high - middle
    about: Protocol = {"stride": stride, "stretches": PARTS}
    perplexity = tuple(map(math.exp, interval))
    return [
        _measure("nll", interval, "nats/token", "exact", count, OF_TEXT, {**about, "codec": codec}),
        _measure("perplexity", perplexity, "1", "exact", count, OF_TEXT, {**about, "codec": codec}),
        _measure(
            "bits_per_byte",
            _scaled(interval, count / (size * math.log(2))),
            "bits/byte",
            "exact",
            size,
            OF_TEXT,
            about,
        ),
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
    counts = np.bincount(train, minlength=vocab_size).astype(np.float64) + 1
    return np.log(counts / counts.sum())[tokens]


def _scaled(interval: spread.Interval, factor: float) -> spread.Interval:
    value, low, high = interval
    return value * factor, low * factor, high * factor


def _measure(
    metric: str,
    interval: tuple[float, ...],
    unit: str,
    kind: Kind,
    n: int,
    of: str,
    about: Protocol,
) -> Measure:
    value, low, high = interval
    return Measure(metric, value, unit, "lower", kind, n, None, low, high, of, about)
