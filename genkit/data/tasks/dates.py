"""Dates in words, to be written as ISO 8601 has them.

`What day is the third of March, 1987? ` asks for `1987-03-03`.
Days are named in nineteen ways, some of which need the calendar: the day before the first of March is the
29th of February in leap years, which 1900 is none of, and 2000 is.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta

from genkit.core.pairs import Pair
from genkit.data.task_knobs import DatesKnobs
from genkit.data.tasks.dealing import Asked, dealt
from genkit.data.tasks.number_names import ONES, english

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"}
ORDINALS |= {"nine": "ninth", "twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth"}
ONE_DAY = timedelta(1)


def dates(data: DatesKnobs) -> dict[str, list[Pair]]:
    """Days of the years from `first_year` to `last_year`, every wording as likely, and in each every day that
    has it; a day stands in one part.

    Raises:
        ConfigError: there are not so many different ones.
    """
    first, last = date(data.first_year, 1, 1), date(data.last_year, 12, 31)
    days = (last - first).days + 1

    def draw(drawing: random.Random) -> Asked:
        wording, words = drawing.choice(WORDINGS), None
        while words is None:
            day = first + timedelta(drawing.randrange(days))
            words = wording(day)
        return Asked(day, Pair(f"What day is {words}? ", day.isoformat()))

    return dealt(draw, data.train, data.held_out, data.seed)


def right_date(pair: Pair, answer: str) -> bool:
    """Whether an answer is the day, in any form of ISO 8601."""
    try:
        return date.fromisoformat(answer.strip()) == date.fromisoformat(pair.answer)
    except ValueError:
        return False


# ---------------------------------------------------------------------- words


def ordinal(number: int) -> str:
    """`twenty-first`, of a day of a month."""
    before, hyphen, last = english(number).rpartition("-")
    return before + hyphen + ORDINALS.get(last, f"{last}th")


def short_ordinal(number: int) -> str:
    """`21st`."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number // 10 != 1 else "th"
    return f"{number}{ending}"


def year_in_words(year: int) -> str:
    """`nineteen eighty-seven`, `nineteen hundred`, `nineteen oh five`, `two thousand and five`."""
    century, rest = divmod(year, 100)
    if century % 10 == 0 and rest < 10:
        return english(year)
    if rest == 0:
        return f"{english(century)} hundred"
    return f"{english(century)} {f'oh {ONES[rest]}' if rest < 10 else english(rest)}"


def _month(day: date) -> str:
    return MONTHS[day.month - 1]


def _short(day: date) -> str:
    return _month(day)[:3]


def _plain(day: date) -> str:
    return f"{day.day} {_month(day)} {day.year}"


def _first(day: date) -> str | None:
    return f"the first day of {_month(day)} {day.year}" if day.day == 1 else None


def _last(day: date) -> str | None:
    ends = (day + ONE_DAY).day == 1
    return f"the last day of {_month(day)} {day.year}" if ends else None


def _last_in_words(day: date) -> str | None:
    ends = (day + ONE_DAY).day == 1
    return f"the last of {_month(day)}, {year_in_words(day.year)}" if ends else None


# Each gives the words for a day, or None where it has none.
WORDINGS: tuple[Callable[[date], str | None], ...] = (
    lambda day: f"the {ordinal(day.day)} of {_month(day)}, {day.year}",
    lambda day: f"the {ordinal(day.day)} of {_month(day)} {year_in_words(day.year)}",
    lambda day: f"the {short_ordinal(day.day)} of {_month(day)} {day.year}",
    lambda day: f"the {short_ordinal(day.day)} day of {_month(day)} in the year {day.year}",
    lambda day: f"{_month(day)} {day.day}, {day.year}",
    lambda day: f"{_month(day)} {short_ordinal(day.day)}, {day.year}",
    lambda day: f"{_month(day)} the {ordinal(day.day)}, {year_in_words(day.year)}",
    _plain,
    lambda day: f"{short_ordinal(day.day)} {_month(day)} {day.year}",
    lambda day: f"{day.day} {_short(day)} {day.year}",
    lambda day: f"{day.day}-{_short(day).upper()}-{day.year}",
    lambda day: f"{_short(day)} {day.day} {day.year}",
    lambda day: f"{day.year}, {_month(day)} {day.day}",
    lambda day: f"{WEEKDAYS[day.weekday()]}, {_plain(day)}",
    lambda day: f"the day after {_plain(day - ONE_DAY)}",
    lambda day: f"the day before {_plain(day + ONE_DAY)}",
    _first,
    _last,
    _last_in_words,
)
