"""`genkit chat`: a conversation in a terminal with a model of pairs, or one that a pipe brings."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import closing

from genkit import runs
from genkit.cli.commands.chat import ChatSettings
from genkit.cli.parser import read_options
from genkit.cli.shared import declared_options
from genkit.cli.talk import Answering, Talk, known, pairs_of, seed_of, spoken
from genkit.core.options import Options, resolve_options
from genkit.system.errors import ConfigError, DataError, nearest
from genkit.system.interrupts import Interrupted
from genkit.system.terminal import say
from genkit.system.textfiles import read_lines

MOST_BYTES = 1_000_000  # of a line
PROMPT = "> "


def chat(settings: ChatSettings) -> int:
    spec = pairs_of(runs.spec(settings.folder), settings.folder.name)
    options = _options(settings)
    settings.check_model()
    module = settings.load()
    if not isinstance(module, Answering):
        raise ConfigError(f"{type(module).__name__} does not stream its answers; use genkit sample.")
    talk = Talk(spec, module.context, settings.system, lambda note: say(f"note: {note}", file=sys.stderr))
    at_terminal, failed = sys.stdin is not None and sys.stdin.isatty(), False
    if at_terminal:
        say(f"{settings.folder.name} listens; Ctrl-C ends an answer, Ctrl-D the talk.", file=sys.stderr)
    for number, line in enumerate(_lines(at_terminal)):
        try:
            turns = talk.asked(known(spec, line, options))
            seed = seed_of(settings.seed, number)
            pieces = module.stream(turns=turns, seed=seed, weights=settings.weights, **options)
            talk.answered(_said(pieces, at_terminal))
        except (ConfigError, DataError) as error:
            failed = True
            talk.unsaid()
            say(f"genkit: {error}", file=sys.stderr)
    return ConfigError.exit_code if failed and not at_terminal else 0


def _options(settings: ChatSettings) -> Options:
    """The options of drawing that are given.

    Raises:
        ConfigError: one that the family has not, or that has no place in a talk.
    """
    declared = spoken(declared_options(settings.folder))
    given = read_options(settings.options, declared)
    for key in given:
        if key not in (names := [option.name for option in declared]):
            raise ConfigError(f"chat takes no {key}=.{nearest(key, [*names, 'seed', 'system', 'weights'])}")
    checked = resolve_options(declared, given, "chat")
    return {key: checked[key] for key in given}


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
