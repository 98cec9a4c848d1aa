"""The knobs of tasks that are made by rule.  No torch here."""

from collections.abc import Iterator
from typing import Annotated, Literal

from genkit.core.knobs import Clash, knob
from genkit.data.example_knobs import Filled
from genkit.data.pair_knobs import PairKnobs

FILES = {"name": ("pairs",)}  # whose rows have no parts of their own, and may be unreadable
Language = Literal["digits", "english", "chinese"]


class TaskKnobs(PairKnobs, frozen=True):
    """What all tasks have: how many questions are made, and from which seed."""

    template: (
        Annotated[
            Filled,
            knob(
                "a text with {prompt} and {answer}; chat: that of the tokeniser",
                advice="give a text with {prompt} and {answer}, or chat",
            ),
        ]
        | None
    ) = "{prompt}{answer}"
    split: Annotated[Literal["three", "peer"], knob("of rows in files", only=FILES)] = "three"
    on_bad: Annotated[Literal["error", "skip"], knob("of rows in files", only=FILES)] = "error"
    max_bad: Annotated[float, knob("of rows in files", ge=0, le=1, only=FILES)] = 0.1
    train: Annotated[int, knob("questions to learn from", ge=1, le=10_000_000, unit="questions")] = 20_000
    held_out: Annotated[
        int, knob("in each of the parts that judge", ge=1, le=1_000_000, unit="questions")
    ] = 1_000
    seed: Annotated[int, knob("that the questions are drawn by", ge=0, le=2**32 - 1)] = 0


class SumsKnobs(TaskKnobs, frozen=True):
    """Sums of two numbers."""

    digits: Annotated[int, knob("of the longest numbers", ge=1, le=100, unit="digits")] = 3
    reversed: Annotated[bool, knob("the answer's digits from the last")] = False
    padded: Annotated[bool, knob("all numbers as long as the longest, with zeros before them")] = False


class NumeralsKnobs(TaskKnobs, frozen=True):
    """Numbers translated."""

    digits: Annotated[int, knob("of the longest numbers", ge=1, le=12, unit="digits")] = 6
    languages: Annotated[
        tuple[Language, ...],
        knob("from each of which to each other", advice="name two or three of digits, english, chinese"),
    ] = ("digits", "english", "chinese")

    def clashes(self) -> Iterator[Clash]:
        if len(set(self.languages)) < max(2, len(self.languages)):
            yield Clash(("languages",), "name two or three different ones")


class DatesKnobs(TaskKnobs, frozen=True):
    """Dates in words."""

    first_year: Annotated[int, knob("of the days that are asked for", ge=1_000, le=9_000)] = 1900
    last_year: Annotated[int, knob("of them", ge=1_000, le=9_000)] = 2099

    def clashes(self) -> Iterator[Clash]:
        if self.first_year > self.last_year:
            yield Clash(("first_year", "last_year"), "the first year is after the last")


class ListsKnobs(TaskKnobs, frozen=True):
    """Lists that are counted."""

    items: Annotated[int, knob("in the longest lists", ge=2, le=100, unit="things")] = 8
    kinds: Annotated[int, knob("of things that there are", ge=2, le=20, unit="kinds")] = 12
    different: Annotated[int, knob("kinds in one list at most", ge=2, le=20, unit="kinds")] = 3

    def clashes(self) -> Iterator[Clash]:
        if self.different > self.kinds:
            yield Clash(("different", "kinds"), "a list has no more kinds than there are")
