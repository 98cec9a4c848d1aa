"""Prompts and their answers, and what a template makes of them.  Nothing here imports torch.

A conversation is turns: perhaps one of the system, then users' and assistants' in turn.  A pair is the
shortest of them.  What the assistant says is what a model learns to write, up to the end of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"
ROLES = (SYSTEM, USER, ASSISTANT)
WORD = "data.template"


@dataclass(frozen=True)
class Turn:
    """What one of `ROLES` says."""

    role: str
    content: str


@dataclass(frozen=True)
class Pair:
    """A prompt and its answer."""

    prompt: str
    answer: str

    @property
    def turns(self) -> tuple[Turn, ...]:
        return Turn(USER, self.prompt), Turn(ASSISTANT, self.answer)


@dataclass(frozen=True)
class Stretch:
    """A part of the text of an example that is tokenised by itself.

    Attributes:
        answered: whether it is what the model writes: an answer with the end of it.
    """

    text: str
    answered: bool


class Pairs(ABC):
    """How conversations are texts; a run saves it, and needs no file of its data to be asked something.

    Before an example and after it stands the separator of its token spec, which no stretch holds.

    Attributes:
        end: the text that follows an answer; where it is the separator, an example ends with its answer.
        several: whether the conversations of the data have several answers.
    """

    kind: ClassVar[str]
    end: str
    several: bool

    @abstractmethod
    def laid_out(self, turns: Sequence[Turn]) -> list[tuple[Stretch, ...]]:
        """The texts that are learnt of a conversation, each in its stretches; mostly one, whose answered
        stretches are its answers.

        Raises:
            DataError: the template does not take such turns, or an answer holds what ends answers.
        """

    @abstractmethod
    def asked(self, turns: Sequence[Turn]) -> str:
        """The text after which the next answer is drawn.

        Raises:
            DataError: the template does not take such turns.
        """

    def answer(self, text: str) -> str:
        """What a model has written, without the end of it."""
        return text.partition(self.end)[0]

    @abstractmethod
    def of_several(self, several: bool) -> Pairs:
        """The same of data whose conversations have several answers, or one each."""

    @abstractmethod
    def to_dict(self) -> dict[str, object]:
        """Plain values that `pairs_from_dict` rebuilds it from."""


def exchanges(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    """Prompts and their answers, the last of which may be "" where it is still to come; what the system says
    stands before the first prompt, with an empty line between."""
    system = f"{turns[0].content}\n\n" if turns and turns[0].role == SYSTEM else ""
    said = [turn.content for turn in turns[1 if system else 0 :]]
    said += [""] if len(said) % 2 else []
    return [(f"{'' if i else system}{said[i]}", said[i + 1]) for i in range(0, len(said), 2)]


def fault(turns: Sequence[Turn]) -> str:
    """What is wrong with a conversation that is to be learnt, to follow where it stands; "": nothing."""
    said = turns[1:] if turns and turns[0].role == SYSTEM else turns
    for place, turn in enumerate(turns, 1):
        if turn.role not in ROLES:
            return f"message {place} has the role {turn.role!r}, which is none of {', '.join(ROLES)}"
    for place, turn in enumerate(said):
        wanted = ASSISTANT if place % 2 else USER
        if turn.role != wanted:
            which = place + 1 + len(turns) - len(said)
            return f"message {which} is the {turn.role}'s, where the {wanted}'s is due"
    if not any(turn.role == ASSISTANT for turn in said):
        return "nobody answers: it needs a message of the assistant"
    if any(turn.role == ASSISTANT and not turn.content.strip() for turn in said):
        return "an answer is empty"
    if any(turn.role == USER and not turn.content for turn in said):
        return "a prompt is empty"
    return ""


def pair_of(turns: Sequence[Turn]) -> Pair:
    """The first prompt of a conversation and its answer, with nothing said before."""
    said = [turn.content for turn in turns if turn.role != SYSTEM]
    return Pair(said[0], said[1])
