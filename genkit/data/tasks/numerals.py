"""Numbers translated between digits, English and Chinese: `10005 in Chinese: ` asks for `一万零五`."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping

from genkit.core.pairs import Pair
from genkit.data.task_knobs import Language, NumeralsKnobs
from genkit.data.tasks.dealing import Asked, dealt, number_of
from genkit.data.tasks.number_names import chinese, english, same_chinese, same_english

WORDS: Mapping[Language, Callable[[int], str]] = {"digits": str, "english": english, "chinese": chinese}
CALLED: Mapping[Language, str] = {"digits": "digits", "english": "English", "chinese": "Chinese"}
SHORT = 2  # digits: every word of a language has to be seen before it can be translated


def numerals(data: NumeralsKnobs) -> dict[str, list[Pair]]:
    """Numbers of every length as likely, from every language to every other; a number stands in one part,
    whatever it is translated from and to.

    All numbers below a hundred are learnt from.

    Raises:
        ConfigError: there are not so many different ones.
    """
    ways = list(itertools.permutations(data.languages, 2))
    least = SHORT + 1 if data.digits > SHORT else 1

    def draw(drawing: random.Random) -> Asked:
        number = number_of(drawing, least, data.digits)
        return translation(number, *ways[drawing.randrange(len(ways))])

    short = range(10**SHORT) if data.digits > SHORT else range(0)
    basics = [translation(number, *way) for number in short for way in ways]
    return dealt(draw, data.train, data.held_out, data.seed, basics)


def translation(number: int, source: Language, target: Language) -> Asked:
    """The question for a number of one language in another."""
    return Asked(number, Pair(f"{WORDS[source](number)} in {CALLED[target]}: ", WORDS[target](number)))


def right_numeral(pair: Pair, answer: str) -> bool:
    """Whether an answer says the number in the language that was asked for, in any of its usual writings."""
    target = pair.prompt.rpartition(" in ")[2]
    if target.startswith(CALLED["english"]):
        return same_english(answer, pair.answer)
    if target.startswith(CALLED["chinese"]):
        return same_chinese(answer, pair.answer)
    return answer.strip().replace(",", "") == pair.answer
