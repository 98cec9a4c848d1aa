"""`genkit chat`: a conversation in a terminal with a model of pairs, or one that a pipe brings."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Protocol, runtime_checkable

from genkit import runs
from genkit.cli.commands.chat import ChatSettings
from genkit.cli.parser import read_options
from genkit.cli.shared import declared_options
from genkit.core.options import Options, resolve_options
from genkit.core.pairs import ASSISTANT, SYSTEM, USER, ChatPairs, Turn
from genkit.core.spec import Spec, TokenSpec
from genkit.system.errors import ConfigError, DataError, nearest
from genkit.system.interrupts import Interrupted
from genkit.system.terminal import say
from genkit.system.textfiles import read_lines

MOST_BYTES = 1_000_000  # of a line
ROOM = 4  # that part of the context is kept for an answer, where turns can be dropped for it
PROMPT = "> "


@runtime_checkable
class Answering(Protocol):
    """A model that answers a conversation, piece by piece."""

    @property
    def context(self) -> int: ...

    def stream(
        self, *, turns: Sequence[Turn], seed: int, weights: str, **options: object
    ) -> Generator[str]: ...


def chat(settings: ChatSettings) -> int:
    spec = _pairs(runs.spec(settings.folder), settings.folder.name)
    options = _options(settings)
    settings.check_model()
    module = settings.load()
    if not isinstance(module, Answering):
        raise ConfigError(f"{type(module).__name__} does not stream its answers; use genkit sample.")
    talk = Talk(spec, module.context, settings.system)
    at_terminal, failed = sys.stdin is not None and sys.stdin.isatty(), False
    if at_terminal:
        say(f"{settings.folder.name} listens; Ctrl-C ends an answer, Ctrl-D the talk.", file=sys.stderr)
    for number, line in enumerate(_lines(at_terminal)):
        try:
            turns = talk.asked(spec.codec.known(line) if options.get("unk") == "skip" else line)
            seed = (settings.seed + number) % 2**32
            pieces = module.stream(turns=turns, seed=seed, weights=settings.weights, **options)
            talk.answered(_said(pieces, at_terminal))
        except (ConfigError, DataError) as error:
            failed = True
            talk.unsaid()
            say(f"genkit: {error}", file=sys.stderr)
    return ConfigError.exit_code if failed and not at_terminal else 0


def _pairs(spec: Spec, name: str) -> TokenSpec:
    """
    Raises:
        ConfigError: the run was trained on something else.
    """
    if spec.kind != "tokens" or spec.pairs is None:
        raise ConfigError(f"{name} was trained on no prompts and answers; genkit sample draws from it.")
    return spec


def _options(settings: ChatSettings) -> Options:
    """The options of drawing that are given.

    Raises:
        ConfigError: one that the family has not, or that has no place in a talk.
    """
    declared = [option for option in declared_options(settings.folder) if option.name != "prompt"]
    given = read_options(settings.options, declared)
    for key in given:
        if key not in (known := [option.name for option in declared]):
            raise ConfigError(f"chat takes no {key}=.{nearest(key, [*known, 'seed', 'system', 'weights'])}")
    checked = resolve_options(declared, given, "chat")
    return {key: checked[key] for key in given}


class Talk:
    """What has been said, as far as the model can read it.

    Args:
        context: tokens that the model reads.
        system: what stands before everything.
    """

    def __init__(self, spec: TokenSpec, context: int, system: str | None) -> None:
        self._spec, self._context = spec, context
        self._system = () if system is None else (Turn(SYSTEM, system),)
        self._turns: list[Turn] = []
        self._told = False
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
                say(
                    f"note: the oldest turns are dropped: the model reads {self._context} tokens.",
                    file=sys.stderr,
                )
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


def _lines(at_terminal: bool) -> Iterator[str]:
    """What is typed, or piped, line by line; those without a word in them are no turns."""
    if not at_terminal:
        yield from (line for line in read_lines("chat", MOST_BYTES) if line.strip())
        return
    while True:
        try:
            line = input(PROMPT)
        except EOFError:
            say()
            return
        except Interrupted as stopped:
            if stopped.number != signal.SIGINT:
                raise
            say()
            continue
        if line.strip():
            yield line


def _said(pieces: Generator[str], at_terminal: bool) -> str:
    """Show an answer as it comes; what was said of it, also where somebody has stopped it."""
    said: list[str] = []
    try:
        with closing(pieces):  # the model is as it was, also where somebody stops it
            for piece in pieces:
                said.append(piece)
                say(piece, end="", flush=True)
    except Interrupted as stopped:
        if stopped.number != signal.SIGINT or not at_terminal:
            raise
    say(flush=True)
    return "".join(said)
