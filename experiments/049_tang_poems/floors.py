"""Bits a character of the held-out poems under n-grams of the training poems, zlib and xz.

    python experiments/049_tang_poems/floors.py [validation | test]

The n-grams are those of Chen and Goodman (1999): modified Kneser-Ney, interpolated, its discounts by their
formulas from the counts of the training part alone; below them each character of the vocabulary is as likely.
A packer is asked twice: for the held-out text alone, and for how much it adds to the packed training text.
"""

from __future__ import annotations

import lzma
import math
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable

from genkit import config
from genkit.core.knobs import DataKnobs
from genkit.data.sources.poems import END, tang_poems

ORDERS = (1, 2, 3, 4)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": lambda data: zlib.compress(data, 9),
    "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
}


class KneserNey:
    """An n-gram of characters.

    Args:
        text: that it is made of.
        vocabulary: how many characters there are.
    """

    def __init__(self, text: str, order: int, vocabulary: int) -> None:
        self.order, self.vocabulary = order, vocabulary
        grams = {n: Counter(text[i : i + n] for i in range(len(text) - n + 1)) for n in range(1, order + 1)}
        # Below the longest, a gram counts by how many characters stand before it.
        self.counts = {n: Counter(gram[1:] for gram in grams[n + 1]) for n in range(1, order)}
        self.counts[order] = grams[order]
        self.discounts = {n: _discounts(Counter(own.values())) for n, own in self.counts.items()}
        self.totals: dict[int, Counter[str]] = {}
        self.left: dict[int, dict[str, float]] = {}  # the mass that a history hands on
        for n, own in self.counts.items():
            self.totals[n], self.left[n] = Counter(), defaultdict(float)
            for gram, count in own.items():
                self.totals[n][gram[:-1]] += count
                self.left[n][gram[:-1]] += self.discounts[n][min(count, 3)]

    def probability(self, history: str, character: str) -> float:
        found = 1 / self.vocabulary
        for n in range(1, self.order + 1):
            own = history[len(history) - n + 1 :]
            if total := self.totals[n][own]:
                count = self.counts[n][own + character]
                kept = max(0.0, count - self.discounts[n][min(count, 3)])
                found = (kept + self.left[n][own] * found) / total
        return found

    def bits(self, text: str) -> float:
        """Of each character, a text's beginning being that of a poem."""
        whole = END * self.order + text
        return -math.fsum(
            math.log2(self.probability(whole[i - self.order : i], whole[i]))
            for i in range(self.order, len(whole))
        ) / len(text)


def _discounts(times: Counter[int]) -> tuple[float, ...]:
    """What is taken from counts of 0, 1, 2 and more."""
    share = times[1] / (times[1] + 2 * times[2])
    return (0.0, *(n - (n + 1) * share * times[n + 1] / times[n] for n in (1, 2, 3)))


def main(part: str = "validation") -> None:
    poems = tang_poems(DataKnobs(name="tang_poems"), config.paths([]))
    train, text = poems.parts["train"], poems.parts[part]
    vocabulary = set(poems.whole)
    print(f"{part}: {len(text):,} characters of {len(vocabulary):,}, {len(text.encode()):,} bytes")
    for order in ORDERS:
        model = KneserNey(END * order + train, order, len(vocabulary))
        assert abs(sum(model.probability(train[:order], c) for c in vocabulary) - 1) < 1e-9
        print(f"{order}-gram: {model.bits(text):.3f} bits a character")
    for name, packed in PACKERS.items():
        alone = len(packed(text.encode()))
        after = len(packed((train + text).encode())) - len(packed(train.encode()))
        print(
            f"{name}: {8 * alone / len(text):.3f} alone, {8 * after / len(text):.3f} after the training text"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
