"""From what a person typed to the settings of a command: one parser for all of them.

Nothing is overwritten: a word that is given twice is refused, but for those that may be.  Text is taken as
typed; of everything else, `null` says that it is not given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from genkit.cli.command import SHOWN, CommandSettings, CommandWord, named, words_of
from genkit.core.options import PLACES, Option, given_twice, key_and_value
from genkit.system.errors import ConfigError, nearest
from genkit.system.paths import place

S = TypeVar("S", bound=CommandSettings)


def parse(command: str, settings: type[S], typed: Sequence[str]) -> S:
    """The settings of a command.

    Args:
        command: its name, for messages.

    Raises:
        ConfigError: a word that it does not take, or takes once, one that it needs and has not, or a value
            of another type or out of its range.
    """
    declared = words_of(settings)
    by_name = {word.name: attribute for attribute, word in declared.items() if not word.below}
    values: dict[str, object] = {}
    texts: dict[str, list[str]] = {}
    for argument in typed:
        key = argument.partition("=")[0]
        if (attribute := by_name.get(key)) and "=" in argument:
            texts.setdefault(attribute, []).append(argument.partition("=")[2])
        elif bare := _bare(argument, declared):
            choices = declared[bare].choices
            if choices and argument not in choices:
                raise ConfigError(f"{command} {argument}: no such word.{nearest(argument, choices)}")
            texts.setdefault(bare, []).append(argument)
        elif held := _holder(argument, declared):
            values[held] = (*_tuple(values.get(held)), argument)
        else:
            raise ConfigError(_unknown(command, argument, [*by_name]))
    for attribute, given in texts.items():
        if (value := _value(declared[attribute], given)) is not None:
            values[attribute] = value
    missing = [word for attribute, word in declared.items() if word.required and attribute not in values]
    if missing:
        raise ConfigError(_needed(command, missing, typed))
    return settings(**values)


def read_words(typed: Iterable[str]) -> dict[str, str]:
    """Values by key of words that somebody else checks, as they were typed.

    Raises:
        ConfigError: one is given twice, or is no `key=value`.
    """
    found: dict[str, str] = {}
    for argument in typed:
        key, value = key_and_value(argument)
        if key in found:
            raise ConfigError(given_twice(key, found[key], value))
        found[key] = _clean(key, value)
    return found


def read_options(typed: Iterable[str], declared: Sequence[Option]) -> dict[str, object]:
    """Values by name of words that a family declares, not yet checked; those of other names too.

    Raises:
        ConfigError: one that takes one value is given twice, or a word is no `key=value`.
    """
    known = {option.name: option for option in declared}
    texts: dict[str, list[str]] = {}
    for argument in typed:
        key, value = key_and_value(argument)
        texts.setdefault(key, []).append(_clean(key, value))
    found: dict[str, object] = {}
    for key, given in texts.items():
        option = known.get(key)
        if len(given) > 1 and not (option and option.many):
            raise ConfigError(given_twice(key, given[0], given[1]))
        values = [None if text == "null" and not (option and option.is_free) else text for text in given]
        found[key] = values[0] if len(values) == 1 else values
    return found


def _holder(argument: str, declared: Mapping[str, CommandWord]) -> str | None:
    """The attribute that holds words of this beginning as they are."""
    held = [
        attribute
        for attribute, word in declared.items()
        if any(argument.startswith(beginning) for beginning in word.below)
    ]
    return min(held, key=lambda attribute: "" in declared[attribute].below, default=None)


def _bare(argument: str, declared: Mapping[str, CommandWord]) -> str | None:
    """The attribute whose value a word without `=` is; a path may hold one."""
    key, equals, _ = argument.partition("=")
    for attribute, word in declared.items():
        if word.bare and not argument.startswith("-"):
            return attribute if not equals or ("/" in key and word.kind in PLACES) else None
    return None


def _value(word: CommandWord, given: Sequence[str]) -> object:
    """What was typed for a word, in its type; None: nothing."""
    if len(given) > 1 and not word.many:
        raise ConfigError(given_twice(word.name, given[0], given[1]))
    texts = [_clean(word.name, text) for text in given]
    if word.commas:
        if len(texts) > 1:
            raise ConfigError(given_twice(word.name, given[0], given[1]))
        texts = texts[0].split(",")
    kept = [text for text in texts if text != "null" or word.is_free]
    values = [_place(word, word.check(text)) if word.kind in PLACES else word.check(text) for text in kept]
    if word.many:
        return tuple(values) or None
    return values[0] if values else None


def _place(word: CommandWord, text: str) -> str | Path:
    """A text that can lead somewhere; where something is to be written, the path itself."""
    if word.kind == "output" and not text:
        raise ConfigError(f"{word.name}= is empty; give a file or a folder, or leave it out.")
    path = place(text, word.name)
    return path if word.kind == "output" else text


def _clean(key: str, text: str) -> str:
    if "\0" in text:
        raise ConfigError(f"{key}= holds a NUL byte at {text.index(chr(0))}; leave it out.")
    return text


def _tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


def _unknown(command: str, argument: str, known: Sequence[str]) -> str:
    """What is said of a word that a command does not take."""
    if not known:
        return f"{argument}: {command} takes no words; leave it out."
    key, _ = key_and_value(argument)
    return f"{argument}: {command} takes no {key}=.{nearest(key, known)}"


def _needed(command: str, missing: Sequence[CommandWord], typed: Sequence[str]) -> str:
    """What is said where a word is not given: which one, a typo of it, and the values that there are."""
    said = []
    for word in missing:
        keys = [argument.partition("=")[0] for argument in typed]
        typo = next((f" ({key}=?)" for key in keys if difflib.get_close_matches(key, [word.name])), "")
        said.append(f"{word.name}={word.shown or SHOWN.get(word.kind, '…')}{typo}")
    needs = f"{command} needs {' and '.join(said)}"
    if missing[0].values:
        return f"{needs}.{nearest('', list(named(missing[0].values)()))}"
    if missing[0].kind != "run":
        return f"{needs}."
    from genkit import config, runs

    runs_dir = config.paths([argument for argument in typed if argument.startswith("paths.")])["runs_dir"]
    known = ", ".join(record.name for record in runs.list_runs(runs_dir)[-5:]) or "none yet"
    return f"{needs}; in {runs_dir} there is {known}."
