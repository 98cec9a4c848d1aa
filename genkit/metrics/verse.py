"""Shares of texts that keep the form of Chinese regulated verse, and what those keep who do not.

A poem is two or four couplets, a line each: five characters and ， and five and 。, or seven and seven, all
couplets alike.  Of the 29,469 poems of `data=tang_poems` 99.5 % keep it; the other 134 mix verses of five and
of seven.
What a poem says, its rhymes and its tones are not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from genkit.metrics.measure import Measure, Protocol
from genkit.metrics.value_intervals import share
from genkit.metrics.wording import LEAST, OF, need

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # characters, and no marks
VERSE = re.compile(f"[{HAN}]+")
COUPLET = re.compile(f"[{HAN}]+，[{HAN}]+。")
COUPLETS, LENGTHS = (2, 4), (5, 7)
SHARES = ("form_share", "marks_share", "couplets_share", "even_share")


@dataclass(frozen=True)
class VerseForm:
    """How a text is built, as verse.

    Attributes:
        couplets: its lines.
        lengths: the characters between marks, of which there are several, increasing.
        marked: whether every line is characters, ，, characters and 。, and nothing else.
    """

    couplets: int
    lengths: tuple[int, ...]
    marked: bool

    @classmethod
    def of(cls, text: str) -> VerseForm:
        lines = text.split("\n")
        lengths = sorted({len(verse) for verse in VERSE.findall(text)})
        return cls(len(lines), tuple(lengths), all(COUPLET.fullmatch(line) for line in lines))

    @property
    def counted(self) -> bool:
        """Whether it is a quatrain or twice as long."""
        return self.couplets in COUPLETS

    @property
    def even(self) -> bool:
        """Whether all verses are of five characters, or all of seven."""
        return len(self.lengths) == 1 and self.lengths[0] in LENGTHS

    @property
    def kept(self) -> bool:
        return self.marked and self.counted and self.even


def form_shares(texts: Sequence[str]) -> list[Measure]:
    """`form_share`, and the shares of its parts.

    Raises:
        Unmeasurable: fewer than 20 texts.
    """
    need(SHARES, len(texts), LEAST)
    forms = [VerseForm.of(text) for text in texts]
    kept = [(form.kept, form.marked, form.counted, form.even) for form in forms]
    about: Protocol = {"couplets": "2 or 4", "lengths": "5 or 7", "version": 1}
    measures = []
    for name, which in zip(SHARES, zip(*kept, strict=True), strict=True):
        value, low, high = share(sum(which), len(texts))
        measures.append(
            Measure(name, value, "1", "higher", "estimate", len(texts), None, low, high, OF, about)
        )
    return measures
