"""A talk with a model of pairs: what has been said of it, as far as the model can read it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, runtime_checkable

from genkit.core.options import Option, Options
from genkit.core.pairs import ASSISTANT, SYSTEM, USER, ChatPairs, Turn
from genkit.core.spec import Spec, TokenSpec
from genkit.system.errors import ConfigError

ROOM = 4  # that part of the context is kept for an answer, where turns can be dropped for it
UNSPOKEN = ("prompt", "logprobs")  # options that have no place in a talk


@runtime_checkable
class Answering(Protocol):
    """A model that answers a conversation, piece by piece."""

    @property
    def context(self) -> int: ...

    def stream(
        self, *, turns: Sequence[Turn], seed: int, weights: str, **options: object
    ) -> Generator[str]: ...


def pairs_of(spec: Spec, name: str) -> TokenSpec:
    """
    Raises:
        ConfigError: the run was trained on something else.
    """
    if spec.kind != "tokens" or spec.pairs is None:
        raise ConfigError(f"{name} was trained on no prompts and answers; genkit sample draws from it.")
    return spec


def spoken(declared: Sequence[Option]) -> list[Option]:
    """The options of drawing that have a place in a talk."""
    return [option for option in declared if option.name not in UNSPOKEN]


def known(spec: TokenSpec, line: str, options: Options) -> str:
    """What is said to the model of a line, by `unk=`."""
    return spec.codec.known(line) if options.get("unk") == "skip" else line


def seed_of(first: int, number: int) -> int:
    """Of the answer to the question of that number."""
    return (first + number) % 2**32


class Talk:
    """What has been said, as far as the model can read it.

    Args:
        context: tokens that the model reads.
        system: what stands before everything.
        note: is told once what the model does not read any more.
    """

    def __init__(
        self, spec: TokenSpec, context: int, system: str | None, note: Callable[[str], None]
    ) -> None:
        self._spec, self._context = spec, context
        self._system = () if system is None else (Turn(SYSTEM, system),)
        self._turns: list[Turn] = []
        self._note, self._told = note, False
        pairs = spec.pairs
        assert pairs is not None
        self._remembers = pairs.several or isinstance(pairs, ChatPairs)

    def asked(self, line: str) -> tuple[Turn, ...]:
        """The conversation that ends with this question, the oldest exchanges left out where it is too long.

        Raises:
            ConfigError: the question has characters that the model does not know.
            DataError: the template does not take it.
        """
        if not self._remembers:
            self._turns = []
        self._turns.append(Turn(USER, line))
        while len(self._turns) > 1 and self._taken() > self._context - self._context // ROOM:
            del self._turns[:2]
            if not self._told:
                self._told = True
                self._note(f"the oldest turns are dropped: the model reads {self._context} tokens.")
        return (*self._system, *self._turns)

    def _taken(self) -> int:
        asked = self._spec.asked((*self._system, *self._turns))
        return len(self._spec.opening) + len(asked)

    def answered(self, text: str) -> None:
        self._turns.append(Turn(ASSISTANT, text))

    def unsaid(self) -> None:
        """Forget the last question."""
        if self._turns and self._turns[-1].role == USER:
            self._turns.pop()
