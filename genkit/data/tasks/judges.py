"""What judges an answer: of a task its rule, of other pairs whether the texts are the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from genkit.core.knobs import DataKnobs
from genkit.core.pairs import Pair
from genkit.data.task_knobs import DatesKnobs, ListsKnobs, NumeralsKnobs, SumsKnobs
from genkit.data.tasks.dates import right_date
from genkit.data.tasks.lists import right_summary
from genkit.data.tasks.numerals import right_numeral
from genkit.data.tasks.sums import right_sum


@dataclass(frozen=True)
class Judge:
    """Whether an answer to the prompt of a pair is right.

    Attributes:
        by: what judges, in words.
    """

    by: str
    right: Callable[[Pair, str], bool]


def judge_of(data: DataKnobs) -> Judge:
    """Who judges answers to such data."""
    if isinstance(data, SumsKnobs):
        return Judge("the value of the sum", lambda pair, answer: right_sum(data, pair, answer))
    if isinstance(data, NumeralsKnobs):
        return Judge("the number that is said", right_numeral)
    if isinstance(data, DatesKnobs):
        return Judge("the day that is named", right_date)
    if isinstance(data, ListsKnobs):
        return Judge("the number of each thing", right_summary)
    return Judge("the same text, blanks at both ends aside", same_text)


def same_text(pair: Pair, answer: str) -> bool:
    return answer.strip() == pair.answer.strip()
