"""What `--help` says: made from the declarations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from genkit.cli import commands
from genkit.cli.command import SHOWN, Command, CommandWord, named, words_of
from genkit.core.options import FORMS
from genkit.system.errors import ConfigError
from genkit.system.terminal import say

LEFT, WIDTH = 24, 110  # of a line, in characters
MOST_VALUES = 20  # that a word's own line lists
FIRST_GROUPS = ("experiment", "model", "data", "optim", "trainer")


def overview() -> None:
    """Every command in a line, and the words of the two that are used most."""
    say("genkit: generative models behind one interface, one trainer, one sampling API\n")
    for name in commands.names():
        try:
            command = commands.find(name)
            usage, summary = command.usage, command.summary
        except ConfigError as error:  # of another distribution: the others are as good as ever
            usage, summary = "", f"cannot be used: {error}"
        say(f"  genkit {f'{name} {usage}':<56} {summary}")
    for name in ("train", "sample"):
        say(f"\ngenkit {name} takes")
        _print(commands.find(name))
    say("\ngenkit train --help lists the models, the datasets and all other options;")
    say("genkit train --help model=dcgan (or another group=option) lists its knobs.")


def of_command(name: str, words: Sequence[str] = ()) -> None:
    """What there is to say of one command, or of the groups' options that a training is to have."""
    command = commands.find(name)
    if command.configured and words and all("=" in word for word in words):
        from genkit.config import explain

        say(explain(words))
        return
    say(f"genkit {name} {command.usage}".rstrip() + f"\n  {command.summary}\n")
    _print(command)
    if name == "train":
        _print_groups()


def _print(command: Command) -> None:
    for word in (*command.configured, *words_of(command.settings).values()):
        for line in lines(word):
            say(line)
    if command.more:
        say(command.more)
    if command.listed:
        rows = [*named(command.listed)()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        say()
        for row in rows:
            say(
                "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            )


def lines(word: CommandWord) -> Iterator[str]:
    """A word as it is typed, and what it means: its line of help, what it takes, how often."""
    left, right = f"  {typed(word)}", _meaning(word)
    if len(left) >= LEFT + 2:
        yield left
        left = ""
    for line in _wrapped(right, WIDTH - LEFT - 2):
        yield f"{left:<{LEFT + 2}}{line}".rstrip()
        left = ""


def typed(word: CommandWord) -> str:
    """`n=16`, `out=FILE`: a word with its default, or with what stands for its value."""
    if word.below:
        beginning = word.below[0]
        return f"{beginning}{word.shown or '…='}" if beginning else "and"
    if word.bare:
        return " | ".join(word.choices) or SHOWN[word.kind]
    if isinstance(word.default, bool):
        return f"{word.name}={str(word.default).lower()}"
    if word.default in (None, ()):
        return f"{word.name}={word.shown or ('' if word.choices else SHOWN.get(word.kind, ''))}"
    return f"{word.name}={word.default}"


def _meaning(word: CommandWord) -> str:
    often = (
        "several with commas" if word.commas else "may be repeated" if word.many and not word.below else ""
    )
    notes = "; ".join(filter(None, (taken(word), often)))
    values = [*dict.fromkeys(named(word.values)())] if word.values else []
    known = f": {', '.join(values)}" if 0 < len(values) <= MOST_VALUES else ""
    return f"{word.help}{f' ({notes})' if notes else ''}{known}"


def taken(word: CommandWord) -> str:
    """The values that a word takes, where that is not everything of its kind."""
    if word.bare:
        return ""
    if word.kind in FORMS:
        return FORMS[word.kind][1]
    if word.kind == "bool":
        return "true | false"
    return " | ".join(word.choices) or re.sub(r"\d{4,}", lambda n: f"{int(n[0]):,}", word.range().strip())


def _wrapped(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most so many characters, broken at blanks."""
    line = ""
    for part in text.split(" "):
        if line and len(line) + 1 + len(part) > width:
            yield line
            line = part
        else:
            line = f"{line} {part}" if line else part
    yield line


def _print_groups() -> None:
    from genkit.config import about, groups

    known = groups()
    for group in (*FIRST_GROUPS, *(group for group in known if group not in FIRST_GROUPS)):
        options = {name: about(file) for name, file in known.get(group, {}).items()}
        if len(options) > 1 or group in (*FIRST_GROUPS, "debug"):
            say(f"\n{group}=")
            for name, line in options.items():
                say(f"  {name:<18} {line}")
