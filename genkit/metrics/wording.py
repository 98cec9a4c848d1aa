"""Measures of generated texts: diversity, repetition, length, vocabulary.

What depends on how many texts it sees (distinct n-grams, self-BLEU, vocabulary) is measured in groups of a
fixed number of texts and averaged over the groups, so that the number does not change with n and its
interval is that of a mean of independent values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from genkit.metrics import value_intervals
from genkit.metrics.measure import Direction, Kind, Measure, Protocol
from genkit.metrics.ngrams import RULE, ngrams, words
from genkit.system.errors import Unmeasurable

ORDERS = (1, 2, 3, 4)
GROUP = 20  # texts
LEAST = 20  # texts, of what needs no groups
LEAST_GROUPS = 3
LOOP = 12  # words that the end of a text repeats itself for, at least
OF = "the mean over all texts that this network draws"
OF_PAIRS = f"the mean over all groups of {GROUP} texts that this network draws, and all of real ones"
OF_GROUPS = f"the mean over all groups of {GROUP} texts that this network draws"


def need(metrics: str | Sequence[str], have: int, least: int, what: str = "texts") -> None:
    """Refuse measures of too few examples.

    Raises:
        Unmeasurable: naming the metrics, the least number and what there is.
    """
    if have < least:
        verb = "needs" if isinstance(metrics, str) or len(metrics) == 1 else "need"
        raise Unmeasurable(metrics, f"{verb} at least {least} {what}; there are {have}.")


# ---------------------------------------------------------------------- diversity


def distinct(texts: Sequence[str], orders: Sequence[int] = ORDERS) -> list[Measure]:
    """Distinct n-grams as a share of all (Li et al. 2016), in groups of texts that have any.

    Raises:
        Unmeasurable: fewer than three groups.
    """

    def of(order: int) -> Callable[[Sequence[list[str]]], float]:
        def value(group: Sequence[list[str]]) -> float:
            found = [gram for tokens in group for gram in ngrams(tokens, order)]
            return len(set(found)) / len(found) if found else np.nan

        return value

    groups = _groups([f"distinct_{n}" for n in orders], [words(text) for text in texts])
    return [_grouped(f"distinct_{n}", list(map(of(n), groups)), len(texts), "higher") for n in orders]


def self_bleu(texts: Sequence[str]) -> Measure:
    """Mean BLEU-4 of each text against the others of its group (Zhu et al. 2018), by sacrebleu, 0 to 100.

    Raises:
        Unmeasurable: sacrebleu is missing, or fewer than three groups.
    """
    if find_spec("sacrebleu") is None:
        raise Unmeasurable("self_bleu", "needs sacrebleu: pip install sacrebleu.")
    from sacrebleu.metrics.bleu import BLEU

    bleu = BLEU(tokenize="none", effective_order=True)
    values = []
    for group in _groups("self_bleu", [" ".join(words(text)) for text in texts]):
        scores = [
            bleu.sentence_score(text, [*group[:i], *group[i + 1 :]]).score for i, text in enumerate(group)
        ]
        values.append(sum(scores) / len(scores))
    about: Protocol = {"sacrebleu": version("sacrebleu"), "references": GROUP - 1, "effective_order": True}
    return _grouped("self_bleu", values, len(texts), "lower", about, unit="0-100")


def vocabulary_overlap(texts: Sequence[str], real: Sequence[str]) -> Measure:
    """|A ∩ B| / |A ∪ B| of the words of a group of texts and of a group of real ones.

    Raises:
        Unmeasurable: fewer than three groups of either.
    """
    made, given = (
        [{word for text in group for word in words(text)} for group in _groups("vocabulary_overlap", part)]
        for part in (texts, real)
    )
    values = [len(one & other) / max(1, len(one | other)) for one, other in zip(made, given, strict=False)]
    overlap = _grouped("vocabulary_overlap", values, len(texts), "higher", n_real=len(real))
    return replace(overlap, interval=OF_PAIRS)


def _groups(metrics: str | Sequence[str], items: Sequence[object]) -> list[Sequence[Any]]:
    need(metrics, len(items), GROUP * LEAST_GROUPS)
    return [items[i : i + GROUP] for i in range(0, len(items) - GROUP + 1, GROUP)]


def _grouped(
    metric: str,
    values: Sequence[float],
    n: int,
    direction: Direction,
    about: Protocol | None = None,
    *,
    unit: str = "1",
    n_real: int | None = None,
) -> Measure:
    finite = [value for value in values if value == value]
    if len(finite) < LEAST_GROUPS:
        raise Unmeasurable(
            metric, f"needs longer texts: of {len(values)} groups of {GROUP}, {len(finite)} have any."
        )
    most = 100.0 if unit == "0-100" else 1.0
    value, low, high = value_intervals.within(value_intervals.mean(finite), most=most)
    protocol = {"tokens": RULE, "group": GROUP, **(about or {})}
    return Measure(metric, value, unit, direction, "estimate", n, n_real, low, high, OF_GROUPS, protocol)


# ---------------------------------------------------------------------- repetition and length


def repeated(texts: Sequence[str]) -> Measure:
    """How much of a text it has said before; texts of fewer than four words have said nothing.

    Raises:
        Unmeasurable: fewer than 20 texts of four words.
    """
    tokens = [words(text) for text in texts]
    shares = [1 - len(set(grams)) / len(grams) for text in tokens if (grams := ngrams(text, 4))]
    need("repeated_4grams", len(shares), LEAST, "texts of four words")
    return _plain("repeated_4grams", value_intervals.rare(shares, np.ones(len(shares))), len(texts), "lower")


def looping(texts: Sequence[str]) -> Measure:
    """How many texts end in a loop, of those long enough for one.

    Raises:
        Unmeasurable: fewer than 20 texts of twelve words.
    """
    tokens = [found for text in texts if len(found := words(text)) >= LOOP]
    need("loops", len(tokens), LEAST, f"texts of {LOOP} words")
    share = value_intervals.share(sum(map(loops, tokens)), len(tokens))
    return _plain("loops", share, len(texts), "lower", {"words": LOOP, "times": 3})


def loops(tokens: Sequence[str]) -> bool:
    """Whether the last `LOOP` words or more say one thing at least three times.

    The last may be the beginning of the word that is due: a text that is cut after so many tokens ends
    anywhere.
    """

    def again(i: int, period: int) -> bool:
        due, said = tokens[-i - period], tokens[-i]
        return due == said or (i == 1 and due.startswith(said))

    for period in range(1, len(tokens) // 3 + 1):
        end = max(LOOP, 3 * period)
        if len(tokens) >= end and all(again(i, period) for i in range(1, end - period + 1)):
            return True
    return False


def lengths(texts: Sequence[str]) -> list[Measure]:
    """Words and characters of a text.

    Raises:
        Unmeasurable: fewer than 20 texts.
    """
    need(("length_words", "length_characters"), len(texts), LEAST)
    counted = {"words": [len(words(text)) for text in texts], "characters": [len(text) for text in texts]}
    return [
        _plain(f"length_{what}", value_intervals.mean(counts), len(texts), "none", unit=what)
        for what, counts in counted.items()
    ]


def _plain(
    metric: str,
    interval: value_intervals.Interval,
    n: int,
    direction: Direction,
    about: Protocol | None = None,
    *,
    unit: str = "1",
    kind: Kind = "estimate",
    n_real: int | None = None,
) -> Measure:
    value, low, high = interval
    protocol = {"tokens": RULE, **(about or {})}
    return Measure(metric, value, unit, direction, kind, n, n_real, low, high, OF, protocol)
