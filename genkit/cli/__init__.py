"""The command line: what `genkit.cli.commands` declares, found, parsed and called.

Help and refusals import nothing heavy.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from genkit.cli.commands import BUILT_IN as COMMANDS
from genkit.cli.commands import HIDDEN, find
from genkit.cli.later_compiler import postpone_compiler
from genkit.cli.parser import parse
from genkit.cli.startup import collect_rarely, postpone_metrics
from genkit.system.errors import ConfigError, GenkitError, StorageError
from genkit.system.exits import leave
from genkit.system.interrupts import Interrupted, raised
from genkit.system.launchers import settled
from genkit.system.terminal import in_one_line, say

__all__ = ["COMMANDS", "main", "script"]

HELP_WORDS = ("help", "--help", "-h")
SHELL_FLAGS = ("-sc", "--shell-completion")
INTERRUPTED = 130
TRAINING = ("train", "member", "worker")  # an optimiser of torch asks its compiler whether to let it alone


def script() -> NoReturn:
    """The console script: a process that runs what its words say, and ends."""
    leave(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a refusal is one line on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        postpone_metrics()
        if words and words[0] not in TRAINING:
            postpone_compiler()
            collect_rarely()
        words = list(map(_as_typed, words))
        _print_anything()
    try:
        with raised(), settled():
            code = _dispatch(words)
            sys.stdout.flush()
        return code
    except GenkitError as error:
        return _say(error, error.exit_code)
    except BrokenPipeError:  # whoever read the output has stopped; nothing is left to say, now and at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except PermissionError as error:  # of a place that was typed, or stands in one: no fault of the program
        return _say(
            StorageError(f"{error.filename}: {error.strerror}; see whose it is."), StorageError.exit_code
        )
    except KeyboardInterrupt as error:
        return _say(error, INTERRUPTED)
    except Interrupted as error:
        return _say(error, error.exit_code)
    except Exception:
        import traceback

        say(traceback.format_exc(), end="", file=sys.stderr)
        return GenkitError.exit_code


def _as_typed(word: str) -> str:
    """A word in UTF-8, also where the locale has another encoding, as C's has; else as it came."""
    try:
        return os.fsencode(word).decode("utf-8")
    except UnicodeError:
        return word


def _print_anything() -> None:
    """Characters that a terminal's encoding lacks are printed as their numbers, and end nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _say(error: BaseException, exit_code: int) -> int:
    said = str(error) if isinstance(error, GenkitError) else f"interrupted by {str(error) or 'Ctrl-C'}."
    line = in_one_line(" ".join([said, *getattr(error, "__notes__", [])]))
    say(f"genkit: {line}", file=sys.stderr)
    return exit_code


def _dispatch(words: list[str]) -> int:
    for word in words:
        if any(0xD800 <= ord(character) < 0xE000 for character in word):
            raise ConfigError(f"{word!a} is no UTF-8; write it in UTF-8.")
    if not words or words[0] in HELP_WORDS:
        from genkit.cli.help import overview

        overview()
        return 0
    if words[0] in ("--version", "version"):
        from genkit import __version__

        say(f"genkit {__version__}")
        return 0
    if any(word in SHELL_FLAGS for word in words):
        from genkit.cli.completion import shell_completion

        return shell_completion(words)
    name, rest = words[0], words[1:]
    command = find(name)
    if name not in HIDDEN and any(word in HELP_WORDS for word in rest):
        from genkit.cli.help import of_command

        of_command(name, [word for word in rest if word not in HELP_WORDS])
        return 0
    return command(parse(name, command.settings, rest))
