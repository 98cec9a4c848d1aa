"""Questions that are made by rule, as sources of pairs."""

from __future__ import annotations

from collections.abc import Mapping

from genkit.core.pairs import Pair
from genkit.data.pair_table import PairTable
from genkit.data.task_knobs import DatesKnobs, ListsKnobs, NumeralsKnobs, SumsKnobs, TaskKnobs
from genkit.data.tasks import dates as of_dates
from genkit.data.tasks import lists as of_lists
from genkit.data.tasks import numerals as of_numerals
from genkit.data.tasks import sums as of_sums


def sums(data: SumsKnobs, paths: Mapping[str, str]) -> PairTable:
    """Sums of two numbers."""
    return _table(data, of_sums.sums(data))


def numerals(data: NumeralsKnobs, paths: Mapping[str, str]) -> PairTable:
    """Numbers translated between digits, English and Chinese."""
    return _table(data, of_numerals.numerals(data))


def dates(data: DatesKnobs, paths: Mapping[str, str]) -> PairTable:
    """Dates in words, to be written as ISO 8601 has them."""
    return _table(data, of_dates.dates(data))


def lists(data: ListsKnobs, paths: Mapping[str, str]) -> PairTable:
    """Lists to be counted."""
    return _table(data, of_lists.lists(data))


def _table(data: TaskKnobs, parts: Mapping[str, list[Pair]]) -> PairTable:
    return PairTable(parts, f"made by rule from seed {data.seed}, no question in two parts in any wording")
