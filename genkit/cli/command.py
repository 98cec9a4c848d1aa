"""What a command is: a line about it, its words as a typed class, and the function that it calls.

    class ShoutSettings(CommandSettings):
        text: str = required("what to say")
        times: int = word(1, "how often", low=1, high=100)

    COMMAND = Command("say something loud", ShoutSettings, "my_package.shouting:shout", "text=… [times=1]")

`my_package.shouting.shout` takes `ShoutSettings` and returns the exit code; it is imported when it is called.
The same declaration is what the parser, the help and the completion read.  A distribution adds a command with

    [project.entry-points."genkit.commands"]
    shout = "my_package.commands:COMMAND"
"""

from __future__ import annotations

import importlib
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, ClassVar, TypeVar, cast

from genkit.core.options import Option
from genkit.system.errors import ConfigError

T = TypeVar("T")
KINDS: Mapping[object, str] = {int: "int", float: "float", bool: "bool", str: "text"}
# What stands in help for a value that has no default.
SHOWN = {
    **{"int": "N", "float": "X", "text": "TEXT", "name": "NAME", "run": "RUN", "file": "FILE"},
    **{"folder": "FOLDER", "path": "PLACE", "output": "FILE", "bool": "true", "device": "auto"},
}


@dataclass(frozen=True)
class CommandWord(Option):
    """An option that a person types as `name=value`, and how.

    Attributes:
        shown: what stands for the value in help.
        required: whether the command does nothing without it.
        commas: whether one word may hold several values.
        bare: whether words without `=` are values of it.
        below: what the words begin with that it holds as they were typed; `""`: all that are left.
        values: `module:function` that lists the values there are; imported when somebody asks.
    """

    shown: str = ""
    required: bool = False
    commas: bool = False
    bare: bool = False
    below: Sequence[str] = ()
    values: str = ""


def word(default: T, help: str, **how: Any) -> T:
    """The declaration of a word by its default and a line of help; the annotation says its type.

    A union of texts (`Literal`) are its choices, and a tuple takes it as often as it is given.

    Args:
        how: further attributes of `CommandWord`.
    """
    return cast(T, CommandWord(**{"name": "", "kind": "", **how}, default=default, help=help))


def required(help: str, **how: Any) -> Any:
    """The declaration of a word that the command needs."""
    return word(None, help, required=True, **how)


@typing.dataclass_transform(
    eq_default=False, frozen_default=True, kw_only_default=True, field_specifiers=(word, required)
)
class CommandSettings:
    """What a person typed after a command, checked; a subclass declares each word as a typed attribute.

    Attributes:
        given: the attributes whose words were typed.
    """

    given: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **values: object) -> None:
        declared = words_of(type(self))
        if unknown := [name for name in values if name not in declared]:
            raise TypeError(f"{type(self).__name__} has no {', '.join(unknown)}")
        own = {name: values.get(name, option.default) for name, option in declared.items()}
        self.__dict__.update(own, given=frozenset(values))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")


_KNOWN: dict[type[CommandSettings], Mapping[str, CommandWord]] = {}


def words_of(settings: type[CommandSettings]) -> Mapping[str, CommandWord]:
    """The words by attribute: those that are needed, then a class's own before those that it inherits.

    Raises:
        TypeError: an attribute has a type that no word has.
    """
    if settings in _KNOWN:
        return _KNOWN[settings]
    hints = typing.get_type_hints(settings)
    found: dict[str, CommandWord] = {}
    for owner in settings.__mro__:
        for attribute, declared in vars(owner).items():
            if isinstance(declared, CommandWord) and attribute not in found:
                found[attribute] = _typed(declared, attribute, hints.get(attribute))
    ordered = sorted(found.items(), key=lambda item: (not item[1].required, bool(item[1].below)))
    _KNOWN[settings] = dict(ordered)
    return _KNOWN[settings]


def _typed(declared: CommandWord, attribute: str, annotation: object) -> CommandWord:
    """The word with the name, the kind and the choices that the attribute and its type say."""
    many = typing.get_origin(annotation) is tuple
    inner = typing.get_args(annotation)[0] if many else annotation
    if typing.get_origin(inner) in (types.UnionType, typing.Union):
        inner = next(part for part in typing.get_args(inner) if part is not type(None))
    choices = typing.get_args(inner) if typing.get_origin(inner) is typing.Literal else ()
    kind = declared.kind or ("text" if choices else KINDS.get(inner, ""))
    if not kind:
        raise TypeError(f"{attribute} has no type that a word can have")
    name = declared.name or attribute
    return replace(declared, name=name, kind=kind, choices=choices, many=many)


@dataclass(frozen=True)
class Command:
    """One word of the command line.

    Attributes:
        summary: half a line.
        settings: its words.
        target: `module:function` of the settings, which returns the exit code.
        usage: its words as the overview shows them.
        configured: words of a training's configuration that help shows too.
        more: what help says below the words.
        listed: `module:function` of rows that help has at its end, a name first; imported when it is asked.
    """

    summary: str
    settings: type[CommandSettings]
    target: str
    usage: str = ""
    configured: Sequence[CommandWord] = ()
    more: str = ""
    listed: str = ""

    def __call__(self, settings: CommandSettings) -> int:
        return cast(Callable[[CommandSettings], int], named(self.target))(settings)

    def fault(self) -> str | None:
        """What is wrong with a declaration; None: nothing."""
        if not isinstance(self.summary, str) or not self.summary.strip():
            return "it has no summary"
        if not (isinstance(self.settings, type) and issubclass(self.settings, CommandSettings)):
            return "its settings are no subclass of genkit.cli.command.CommandSettings"
        if not isinstance(self.target, str) or not re.fullmatch(r"[\w.]+:\w+", self.target):
            return "its target is no module:function"
        try:
            words = words_of(self.settings).values()
        except (NameError, TypeError) as error:
            return f"its words have no types: {error}"
        return next((f"{word.name}= {wrong}" for word in words if (wrong := _fault(word))), None)


def _fault(declared: CommandWord) -> str | None:
    if not declared.below and not re.fullmatch(r"[a-z][a-z0-9_.]*", declared.name):
        return "is no name of a word: small letters, digits, _ and . alone"
    if not declared.help.strip():
        return "has no line of help"
    try:
        if not declared.required and not declared.many:
            declared.check(declared.default)
    except ConfigError as error:
        return f"has a default that it would refuse: {error}"
    return None


def named(target: str) -> Any:
    """What `module:attribute` names, imported; the attribute may have dots."""
    module, _, attribute = target.partition(":")
    return attrgetter(attribute)(importlib.import_module(module))
