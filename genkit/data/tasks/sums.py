"""Sums of two numbers: `12+34=` asks for `46`, or for `64` where digits are written from the last.

A network that writes an answer from its first digit must know every carry before it writes any; from the
last each digit follows from two others and one carry (Lee et al. 2024, "Teaching arithmetic to small
transformers").
"""

from __future__ import annotations

import itertools
import random

from genkit.core.pairs import Pair
from genkit.data.task_knobs import SumsKnobs
from genkit.data.tasks.dealing import Asked, dealt, number_of


def sums(data: SumsKnobs) -> dict[str, list[Pair]]:
    """Sums of numbers of every length up to `digits` as likely; a + b and b + a stand in one part.

    All sums of two single digits are learnt from, as Lee et al. have it.

    Raises:
        ConfigError: there are not so many different ones.
    """

    def draw(drawing: random.Random) -> Asked:
        return sum_of(number_of(drawing, 1, data.digits), number_of(drawing, 1, data.digits), data)

    basics = (
        [sum_of(a, b, data) for a, b in itertools.product(range(10), repeat=2)] if data.digits > 1 else []
    )
    return dealt(draw, data.train, data.held_out, data.seed, basics)


def sum_of(a: int, b: int, data: SumsKnobs) -> Asked:
    """The question for a + b, as the knobs have it written."""
    width = data.digits if data.padded else 1
    answer = f"{a + b:0{width + data.padded}d}"
    pair = Pair(f"{a:0{width}d}+{b:0{width}d}=", answer[::-1] if data.reversed else answer)
    return Asked((min(a, b), max(a, b)), pair)


def right_sum(data: SumsKnobs, pair: Pair, answer: str) -> bool:
    """Whether an answer is the sum, zeros before it or not."""
    said = answer.strip()
    if not (said.isascii() and said.isdigit()):
        return False
    a, b = map(int, pair.prompt.removesuffix("=").split("+"))
    return int(said[::-1] if data.reversed else said) == a + b
