"""Tab completion, from the declarations: of commands, and of the knobs of a training.

eval "$(genkit --shell-completion install=bash)"
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from genkit import config, runs
from genkit.cli import SHELL_FLAGS, commands
from genkit.cli.command import Command, CommandWord, named, words_of
from genkit.cli.flags import run_hydra
from genkit.cli.shared import declared_options, known_prompts, steps
from genkit.core.options import Option
from genkit.system.errors import ConfigError, GenkitError
from genkit.system.terminal import say

DEVICES = ("auto", "cpu", "gpu", "mps")


def shell_completion(words: Sequence[str]) -> int:
    """`install=SHELL` prints what to evaluate; `query=SHELL` is what the shell asks, in COMP_LINE.

    Raises:
        ConfigError: neither is given.
    """
    asked = [word for word in words if word.startswith(("install=", "uninstall=", "query="))]
    if len(asked) != 1 or not re.fullmatch(r"\w+=(bash|zsh|fish)", asked[0]):
        raise ConfigError("--shell-completion takes install=bash, install=zsh or install=fish.")
    if not asked[0].startswith("query="):
        return run_hydra([SHELL_FLAGS[0], asked[0]])
    line = os.environ.get("COMP_LINE", "")
    typed = [*line.split(), ""] if line.endswith(" ") else line.split()
    if len(typed) < 3:
        say(" ".join(commands.names()))
        return 0
    name, *rest = typed[1:]
    with suppress(GenkitError):  # somebody is still typing: what cannot be read offers nothing
        command = commands.find(name)
        found = [*_offered(command, rest[:-1], rest[-1])]
        if command.configured:
            found += config.completions(rest[:-1], rest[-1])
        say(" ".join(word for word in dict.fromkeys(found) if word.startswith(rest[-1])))
    return 0


def _offered(command: Command, before: Sequence[str], last: str) -> Iterator[str]:
    """What a command's own words can be, those left out that are typed and are taken once."""
    declared = [*words_of(command.settings).values()]
    typed = {word.partition("=")[0] for word in before}
    options = _family(declared, before)
    for word in (*(word for word in declared if not word.below), *options):
        if word.name in typed and not word.many:
            continue
        values = [*_values(word, before)]
        if isinstance(word, CommandWord) and word.bare:
            yield from values
        elif values and (last.startswith(f"{word.name}=") or word.kind == "run"):
            yield from (f"{word.name}={value}" for value in values)
        if not last.startswith(f"{word.name}="):
            yield f"{word.name}="


def _values(word: Option, before: Sequence[str]) -> Iterator[str]:
    """The values of a word, where they can be listed."""
    yield from word.choices
    if word.kind == "bool":
        yield from ("true", "false")
    elif word.kind == "device":
        yield from DEVICES
    elif word.kind == "run":
        yield from (record.name for record in runs.list_runs(_runs_dir(before)))
    elif word.kind == "checkpoint":
        yield from ("last", "best", *(step for folder in _folders(before) for step in steps(folder)))
    elif word.name == "prompt":
        yield from (text for folder in _folders(before) for text in known_prompts(folder) if " " not in text)
    if isinstance(word, CommandWord) and word.values:
        yield from named(word.values)()


def _family(declared: Sequence[CommandWord], before: Sequence[str]) -> list[Option]:
    """The options of the families of the runs that are typed, where the command takes them."""
    if not any("" in word.below for word in declared):
        return []
    names = [word.name for word in declared]
    return [
        option
        for folder in _folders(before)
        for option in declared_options(folder)
        if option.name not in names
    ]


def _folders(before: Sequence[str]) -> Iterator[Path]:
    for word in before:
        if word.startswith("run="):
            with suppress(GenkitError):
                yield runs.find(word.removeprefix("run="), _runs_dir(before))


def _runs_dir(before: Sequence[str]) -> str:
    return config.paths([word for word in before if word.startswith("paths.")])["runs_dir"]
