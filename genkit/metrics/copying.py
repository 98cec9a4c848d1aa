"""What generated texts copy from the training text, beside what held-out texts have in common with it.

Long n-grams recur in any text of one author or grammar, so a share of copied n-grams says nothing by
itself: the same numbers of held-out texts are what it is read against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from genkit.metrics import value_intervals
from genkit.metrics.measure import Measure, Protocol
from genkit.metrics.ngrams import PIECE, RULE, known_grams, mixed, present, words
from genkit.metrics.wording import OF, need
from genkit.system.errors import Unmeasurable

ORDERS = (1, 2, 4)
COPIED = 8  # words
LEAST = 20  # texts
LONG = 12  # characters
ALL_ORDERS = (*ORDERS, COPIED)
SPANS = ("copied_span", "copied_span_excess", "copied_span_above", "copied_whole")
QUANTILE = 0.95  # of the held-out texts' longest spans
DIFFERENCE = "the difference of the means over all texts that this network draws and all held-out ones"
Source = Callable[[], Iterable[str]]  # the training text in pieces, from its beginning at each call


def novelty(texts: Sequence[str], source: Source, orders: Sequence[int] = ALL_ORDERS) -> list[Measure]:
    """The share of n-grams that the training text lacks (1, 2, 4 words) or has (8 words).

    An order of which no text has an n-gram is left out.

    Raises:
        Unmeasurable: fewer than 20 texts, or no text is as long as the shortest n-gram.
    """
    names = [_novelty(order) for order in orders]
    need(names, len(texts), LEAST)
    tokens = [words(text) for text in texts]
    found = []
    for order in orders:
        known = known_grams(tokens, source(), order)
        counts = [len(part) for part in known]
        hits = [int(part.sum()) for part in known]
        if order == COPIED:
            interval = value_intervals.rare(hits, counts)
        else:
            fresh = [count - hit for count, hit in zip(counts, hits, strict=True)]
            interval = value_intervals.ratio(fresh, counts)
        if interval[0] == interval[0]:  # texts of fewer words have no such n-grams
            about: Protocol = {"tokens": RULE}
            found.append(
                Measure(
                    _novelty(order),
                    interval[0],
                    *("1", "none", "estimate"),
                    len(texts),
                    None,
                    *interval[1:],
                    OF,
                    about,
                )
            )
    if not found:
        raise Unmeasurable(names, f"needs a text of at least {min(orders)} words; there is none.")
    return found


def _novelty(order: int) -> str:
    return f"copied_{order}grams" if order == COPIED else f"novel_{order}grams"


def copied_spans(texts: Sequence[str], held_out: Sequence[str], source: Source) -> list[Measure]:
    """The longest run of characters of each text that stands in the training text, against held-out texts'.

    Raises:
        Unmeasurable: fewer than 20 texts of either kind.
    """
    need(SPANS, len(texts), LEAST)
    need(SPANS, len(held_out), LEAST, "held-out texts")
    spans = longest_spans([*texts, *held_out], source)
    made, given = spans[: len(texts)], spans[len(texts) :]
    whole = sum(int(span == len(text)) for span, text in zip(made, texts, strict=True))
    bound = float(np.quantile(given, QUANTILE, method="higher"))
    above = value_intervals.share(int((made > bound).sum()), len(made))
    numbers = (
        ("copied_span", value_intervals.mean(made), "characters", OF),
        ("copied_span_excess", value_intervals.difference(made, given), "characters", DIFFERENCE),
        ("copied_span_above", above, "1", f"the share of this network's texts above {bound:g} characters"),
        ("copied_whole", value_intervals.share(whole, len(texts)), "1", OF),
    )
    about = {"quantile": QUANTILE}
    return [
        Measure(name, value, unit, "lower", "estimate", len(texts), len(held_out), low, high, of, about)
        for name, (value, low, high), unit, of in numbers
    ]


def long_spans(texts: Sequence[str], source: Source) -> Measure:
    """How many texts have more than `LONG` characters in a row that stand in the training text: more than a
    couplet of five.  Marks and line ends count as they stand: verse has them in the same places.

    Raises:
        Unmeasurable: fewer than 20 texts.
    """
    need("copied_verses", len(texts), LEAST)
    points = [_points(text) for text in texts]
    value, low, high = value_intervals.share(sum(_any_copied(points, LONG + 1, source)), len(texts))
    about: Protocol = {"characters": LONG}
    count = len(texts)
    return Measure("copied_verses", value, "1", "lower", "estimate", count, None, low, high, OF, about)


def longest_spans(texts: Sequence[str], source: Source) -> np.ndarray:
    """Characters of the longest substring of each text that the source holds, int64 (N,).

    If a span is copied then so is every part of it, so each text's length is found by bisection; the texts
    that ask for one length are answered by one reading of the source.  Memory is bounded by the texts and
    one piece of the source.
    """
    low = np.zeros(len(texts), np.int64)
    high = np.array([len(text) for text in texts], np.int64)
    points = [_points(text) for text in texts]
    while (open_ := np.flatnonzero(low < high)).size:
        middle = (low + high + 1) // 2
        for length in np.unique(middle[open_]):
            asking = [int(i) for i in open_ if middle[i] == length]
            copied = _any_copied([points[i] for i in asking], int(length), source)
            for i, yes in zip(asking, copied, strict=True):
                low[i], high[i] = (length, high[i]) if yes else (low[i], length - 1)
    return low


def _any_copied(texts: Sequence[np.ndarray], length: int, source: Source) -> list[bool]:
    """Whether some substring of this length of each text (code points) stands in the source."""
    asked = [_windows(text, length) for text in texts]
    queries = np.unique(np.concatenate(asked))
    known = present(queries, (_windows(piece, length) for piece in _overlapping(source(), length - 1)))
    return [bool(known[np.searchsorted(queries, hashes)].any()) for hashes in asked]


def _overlapping(source: Iterable[str], overlap: int) -> Iterator[np.ndarray]:
    """Pieces of about `PIECE` code points, each beginning with the last `overlap` of the one before."""
    kept = np.zeros(0, np.uint64)
    for text in source:
        for start in range(0, len(text), PIECE):
            piece = np.concatenate((kept, _points(text[start : start + PIECE])))
            yield piece
            kept = piece[max(0, len(piece) - overlap) :] if overlap else kept


def _points(text: str) -> np.ndarray:
    """A text as one spread number a character, uint64 (T,)."""
    raw = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return mixed(raw.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))


def _windows(points: np.ndarray, length: int) -> np.ndarray:
    """A polynomial hash modulo 2^64 of each window, uint64 (T - length + 1,).

    With S_i = Σ_{j<i} c_j b^j the window at i is (S_{i+length} - S_i) b^{-i}; an odd b has an inverse.
    """
    if len(points) < length:
        return np.zeros(0, np.uint64)
    base = 0xD1342543DE82EF95
    sums = np.zeros(len(points) + 1, np.uint64)
    np.cumsum(points * _powers(base, len(points)), out=sums[1:])
    count = len(points) - length + 1
    return mixed((sums[length:] - sums[:count]) * _powers(pow(base, -1, 2**64), count))


def _powers(base: int, count: int) -> np.ndarray:
    """1, b, b², … modulo 2^64, uint64 (count,)."""
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors)
