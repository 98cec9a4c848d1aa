"""Lists to be summed up: `plum, fig, plum: ` asks for `2 plums, 1 fig`."""

from __future__ import annotations

import random
import re
from collections import Counter

from genkit.core.pairs import Pair
from genkit.data.task_knobs import ListsKnobs
from genkit.data.tasks.dealing import Asked, dealt

THINGS = {
    **{"apple": "apples", "plum": "plums", "fig": "figs", "lemon": "lemons", "cherry": "cherries"},
    **{"peach": "peaches", "pear": "pears", "grape": "grapes", "melon": "melons", "mango": "mangoes"},
    **{"berry": "berries", "quince": "quinces", "date": "dates", "lime": "limes", "kiwi": "kiwis"},
    **{"papaya": "papayas", "orange": "oranges", "banana": "bananas", "olive": "olives", "nut": "nuts"},
}
MOST_KINDS = len(THINGS)
SINGULAR = {many: one for one, many in THINGS.items()} | {one: one for one in THINGS}


def lists(data: ListsKnobs) -> dict[str, list[Pair]]:
    """Lists of every length up to `items`, of some of the first `kinds` things; no two parts count the same.

    Lists of one thing alone are so few that what judges would take them all: they are learnt from.

    Raises:
        ConfigError: there are not so many different ones.
    """
    things = list(THINGS)[: data.kinds]

    def draw(drawing: random.Random) -> Asked:
        some = drawing.sample(things, drawing.randint(2, data.different))
        several = [drawing.choice(some) for _ in range(drawing.randint(2, data.items))]
        return summary(several)

    alone = [summary([thing] * count) for thing in things for count in range(1, data.items + 1)]
    return dealt(draw, data.train, data.held_out, data.seed, alone)


def summary(items: list[str]) -> Asked:
    """The question for how many of each there are, in the order in which they come first."""
    counts = Counter(items)
    said = (f"{count} {THINGS[thing] if count > 1 else thing}" for thing, count in counts.items())
    return Asked(frozenset(counts.items()), Pair(f"{', '.join(items)}: ", ", ".join(said)))


def right_summary(pair: Pair, answer: str) -> bool:
    """Whether an answer has the right number of each thing, each once, in any order."""
    counts = Counter(pair.prompt.rstrip(": ").split(", "))
    found: dict[str, int] = {}
    for part in re.split(r",\s*(?:and\s+)?|\s+and\s+", answer.strip()):
        counted = re.fullmatch(r"([1-9]\d{0,5})\s+(\w+)", part, re.ASCII)
        thing = SINGULAR.get(counted[2]) if counted else None
        if counted is None or thing is None or thing in found:
            return False
        found[thing] = int(counted[1])
    return found == counts
