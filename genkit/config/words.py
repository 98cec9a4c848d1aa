"""The words of a command line: free text is taken as typed, the rest is read by Hydra's grammar."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from genkit.core.options import given_twice, key_and_value
from genkit.system.errors import ConfigError, nearest
from genkit.system.paths import place

# Of a configuration, what is taken as typed, before Hydra's grammar sees it: that rejects commas, Chinese and
# `=`, and resolves `${…}`.
FREE_TEXT = ("name", "resume", "init_from", "pretrained", "data.path", "data.captions", "data.template")
FREE_GROUP = "paths."
PATHS = (
    "resume",
    "init_from",
    "pretrained",
    "data.path",
    "data.captions",
    "data.tokenizer_path",
)  # or names that become paths
# Of Hydra's own words, what says how several runs are launched.  Others could name code: a callback, say.
LAUNCHING = ("hydra/launcher=", "hydra/sweeper=", "hydra.launcher.", "hydra.sweeper.")
# What Hydra's grammar may call: functions that list the values of a sweep, and in a sweep what orders them.
LISTING, ORDERING = ("choice", "range", "interval", "glob"), ("sort", "shuffle", "tag")
REFERENCE = re.compile(r"\$\{[\w.]+\}")  # to another key
ENVIRONMENT = re.compile(r"\$\{oc\.env:\w+(,[^${}]*)?\}")
MAX_DEPTH = 8  # of lists in lists, as typed


@dataclass(frozen=True)
class Word:
    """`key=value` as a person types it; `line` is how Hydra takes it."""

    key: str
    value: Any
    line: str


def split_free_text(arguments: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Free-text values by key, and the words that are left.

    Raises:
        ConfigError: a key is given twice, or a text holds a NUL byte.
    """
    texts: dict[str, str] = {}
    words = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not (key in FREE_TEXT or key.startswith(FREE_GROUP)):
            words.append(argument)
        elif "\0" in value:
            raise ConfigError(f"{key}= holds a NUL byte at {value.index(chr(0))}; leave it out.")
        elif key in texts:
            raise ConfigError(given_twice(key, texts[key], value))
        else:
            texts[key] = value
    return texts, words


def check_places(words: Iterable[str]) -> None:
    """See that every path among the words can lead somewhere, before anything looks there.

    Raises:
        ConfigError: one cannot; see `genkit.system.paths.place`.
    """
    for word in words:
        key, equals, value = word.lstrip("+").partition("=")
        if equals and (key in PATHS or key.startswith(FREE_GROUP)):
            place(value, key)


def parse(words: Sequence[str]) -> list[Word]:
    """The words of one training.

    Raises:
        ConfigError: a word that is no `key=value`, cannot be read, holds several values or a `_target_`.
    """
    parsed: list[Word] = []
    typed: list[Any] = []
    for word in words:
        override = _read(word)
        key = override.key_or_group
        if override.is_sweep_override():
            raise ConfigError(f"{word} has several values: add -m to run one after another, or quote it.")
        if before := next((other for other in typed if other.key_or_group == key), None):
            raise ConfigError(given_twice(key, *(o.input_line.partition("=")[2] for o in (before, override))))
        typed.append(override)
        parsed.append(Word(key, override.value(), override.input_line.lstrip("+")))
    return parsed


def parse_sweep(words: Sequence[str]) -> list[tuple[str, list[str] | None]]:
    """Each key with the values that a sweep takes it through; None where Hydra alone can list them."""
    from hydra.core.override_parser.types import ValueType

    swept: list[tuple[str, list[str] | None]] = []
    for word in words:
        override = _read(word, (*LISTING, *ORDERING))
        if not override.is_sweep_override():
            swept.append((override.key_or_group, [override.get_value_element_as_str()]))
        elif override.value_type is ValueType.GLOB_CHOICE_SWEEP or override.is_interval_sweep():
            swept.append((override.key_or_group, None))
        else:
            swept.append((override.key_or_group, list(override.sweep_string_iterator())))
    return swept


def launching(words: Iterable[str]) -> list[str]:
    """Hydra's own words among those of several runs.

    Raises:
        ConfigError: one that says something else than how they are launched, or names code.
    """
    own = [word for word in words if word.lstrip("+~").startswith("hydra")]
    for word in own:
        # (The parameters of a sweeper are words themselves, and would come past every check of words.)
        fits = word.startswith(LAUNCHING) and not word.startswith("hydra.sweeper.params")
        if not fits or "_target_" in word or "${" in word:
            raise ConfigError(
                f"{word}: of Hydra's own words there are hydra/launcher=, hydra/sweeper= and their keys here,"
                " with plain values; leave it out."
            )
        key, _, value = word.partition("=")
        if "/" in key and not re.fullmatch(r"\w+", value, re.ASCII):
            raise ConfigError(f"{word}: {key}= takes the name of one that is installed, such as {key}=basic.")
    return own


def _read(word: str, functions: Sequence[str] = LISTING) -> Any:
    """Hydra's own reading of one word, with those functions of its grammar.

    Raises:
        ConfigError: it cannot be read, calls another function, or says more than a key and a value.
    """
    from hydra._internal.grammar.functions import Functions
    from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
    from hydra.errors import HydraException

    key, value = key_and_value(word)
    if key.startswith("hydra"):
        raise ConfigError(f"{word}: Hydra's own words go with -m (several runs) or --cfg job.")
    if "_target_" in word:
        raise ConfigError(f"{word}: a configuration holds names and values, no _target_; leave it out.")
    if max(itertools.accumulate((c in "[{(") - (c in "]})") for c in value), default=0) > MAX_DEPTH:
        raise ConfigError(f"{key}= is nested more than {MAX_DEPTH} deep; no value here is: quote a text.")
    known, allowed = create_functions(), Functions()
    for name in functions:
        allowed.register(name, known.functions[name])
    try:
        override = OverridesParser(allowed).parse_override(word)
    except HydraException as error:
        if "Unknown function" in str(error):
            raise ConfigError(
                f"{word}: no function is called here; give the value, or quote it: {quoted(key, value)}"
            ) from None
        raise ConfigError(f"{word!r} cannot be read; quote its value: {quoted(key, value)}") from None
    if override.package is not None:
        raise ConfigError(f"{word}: a group has one place; write {override.key_or_group}={value}.")
    return override


def texts_of(value: Any) -> Iterator[str]:
    """The texts in a value, however deep they lie."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_of(key)
            yield from texts_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_of(item)


def refuse_calls(key: str, value: Any) -> None:
    """Refuse everything in `${…}` but the name of another key and, among the paths, the environment.

    Raises:
        ConfigError: there is something else, however deep.
    """
    for text in texts_of(value):
        known = ENVIRONMENT.sub("", text) if key.startswith("paths.") else text
        if "${" not in REFERENCE.sub("", known):
            continue
        if "oc.env" in text:
            raise ConfigError(
                f"{key}={text}: the environment is read in paths.* alone; give the value itself."
            )
        raise ConfigError(f"{key}={text}: no function is called here; give the value itself.")


def as_text(value: str) -> str:
    """A value that Hydra reads as this text, whatever stands in it."""
    escaped = re.sub(r'(\\*)("|\$\{|$)', lambda m: m[1] * 2 + (f"\\{m[2]}" if m[2] else ""), value)
    return f'"{escaped}"'


def quoted(key: str, value: str) -> str:
    """`key=value` for a shell, so that Hydra reads the value as one text."""
    return shlex.quote(f"{key}={as_text(value)}")


def nearest_key(key: str, known: Collection[str]) -> str:
    """`" Did you mean x?"` for the dotted key that is most like `key`, else the keys beside it.

    People forget a group as often as they misspell a name, so the last part counts by itself, and less the
    deeper it lies.
    """
    head, _, tail = key.rpartition(".")

    def likeness(name: str) -> float:
        group, _, last = name.rpartition(".")
        elsewhere = 0.0 if head in ("", group) else 0.15
        deeper = 0.1 * max(0, name.count(".") - key.count("."))
        by_last = SequenceMatcher(None, tail, last).ratio() - elsewhere - deeper
        return max(SequenceMatcher(None, key, name).ratio(), by_last)

    best = max(known, key=likeness, default="")
    if best and likeness(best) >= 0.7:
        return f" Did you mean {best}?"
    beside = [name for name in known if head and name.startswith(f"{head}.")]
    return nearest("", beside or [name for name in known if "." not in name])
