"""Examples of a task dealt out to parts, so that what one part asks no other part asks in any wording."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from genkit.core.pairs import Pair
from genkit.system.errors import ConfigError

FRUITLESS = 2_000  # draws in a row that give nothing new, after which there is taken to be no more
PARTS = ("test", "validation", "train")  # what judges is drawn first: more to learn from does not change it


@dataclass(frozen=True)
class Asked:
    """An example of a task.

    Attributes:
        key: what it is of; examples of one key stand in one part.
    """

    key: Hashable
    pair: Pair


def dealt(
    draw: Callable[[random.Random], Asked], train: int, held_out: int, seed: int, basics: Sequence[Asked] = ()
) -> dict[str, list[Pair]]:
    """Pairs by part, no prompt twice.

    Args:
        draw: makes an example.
        train, held_out: pairs to learn from; and in either of the two parts that judge.
        basics: what stands in the training part whatever is drawn, as far as there is room.

    Raises:
        ConfigError: there are not so many different ones.
    """
    parts: dict[str, list[Pair]] = {"train": [asked.pair for asked in basics[:train]]}
    owners: dict[Hashable, str] = {asked.key: "train" for asked in basics}
    prompts = {asked.pair.prompt for asked in basics}
    for part in PARTS:
        pairs = parts.setdefault(part, [])
        drawing, fruitless = random.Random(f"{part} {seed}"), 0
        while len(pairs) < (train if part == "train" else held_out):
            asked = draw(drawing)
            if asked.pair.prompt in prompts or owners.setdefault(asked.key, part) != part:
                fruitless += 1
                if fruitless == FRUITLESS:
                    found = sum(map(len, parts.values()))
                    raise ConfigError(
                        f"data.train={train} and twice data.held_out={held_out} are more different questions"
                        f" than there are here: {found:,} were found; ask for fewer, or for longer ones."
                    )
                continue
            fruitless = 0
            prompts.add(asked.pair.prompt)
            pairs.append(asked.pair)
    return {part: parts[part] for part in reversed(PARTS)}


def number_of(drawing: random.Random, least: int, most: int) -> int:
    """A number of `least` to `most` digits, every length as likely."""
    length = drawing.randint(least, most)
    return drawing.randrange(10 ** (length - 1) if length > 1 else 0, 10**length)
