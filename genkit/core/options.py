"""Options: what a family declares of its sampling, and a command of its words, checked before anything heavy
is imported.

An option is plain data.  A run writes down those of its family, so the command line can refuse a bad value
without importing torch.  The words of a command are options too (`genkit.cli.command`).
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from genkit.system.errors import ConfigError, closest

# Kinds of text that have a form, and how it is told.
FORMS = {
    "checkpoint": (r"last|best|step-\d+", "last, best or step-N"),
    "device": (r"auto|cpu|mps|(gpu|cuda)(:\d+)?", "auto, cpu, gpu or mps"),
}
PLACES = ("run", "file", "folder", "path", "output")  # kinds of text that lead somewhere


Options = Mapping[str, Any]  # every option that a family declares, with its value


@dataclass(frozen=True)
class Option:
    """One option of `sample()`, or one word of a command.

    Attributes:
        kind: "int", "float", "bool", "text" (a string), "name" (a string, or a whole number that serves as
            one), a text of a form ("checkpoint", "device"), or one that leads somewhere: "run", "file",
            "folder", "path" (either of them), "output" (what is written).
        default: its value when it is not given; None stands for "off".
        low, high: the inclusive range of numbers.
        above: an exclusive lower bound instead of `low`.
        many: whether a list of values is taken too.
        choices: the texts that are taken; empty for any.
        help: half a line for a person.
    """

    name: str
    kind: str
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    above: float | None = None
    many: bool = False
    choices: Sequence[str] = ()

    def check(self, value: Any) -> Any:
        """The value in the option's type.

        Raises:
            ConfigError: wrong type or out of range; the range is named.
        """
        if value is None:
            return None
        if isinstance(value, (list, tuple)):
            if not self.many:
                raise ConfigError(f"{self.name} takes one value, not a list.")
            if not value:
                raise ConfigError(f"{self.name} is an empty list; leave it out, or give at least one value.")
            return [self.check(item) for item in value]
        if self.kind in ("int", "float"):
            return self._number(value)
        if self.kind == "bool":
            return self._truth(value)
        if self.kind == "name" and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self._text(value)

    @property
    def is_free(self) -> bool:
        """Whether it takes any text, also one that says `null`."""
        return self.kind in ("text", *PLACES) and not self.choices

    def allowed(self) -> str:
        """The texts that are taken, for a person; "" where any is."""
        return FORMS[self.kind][1] if self.kind in FORMS else ", ".join(self.choices)

    def _text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ConfigError(f"{self.name}={value!r} is not a text.")
        form = FORMS[self.kind][0] if self.kind in FORMS else "|".join(map(re.escape, self.choices))
        if form and not re.fullmatch(form, value):
            hint = closest(value, self.choices or re.findall(r"[\w-]{3,}", self.allowed()))
            raise ConfigError(f"{self.name}={value} is none of {self.allowed()}.{hint}")
        return value

    def _truth(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if value not in ("true", "false"):
            raise ConfigError(f"{self.name}={value} is none of true or false; write {self.name}=true.")
        return bool(value == "true")

    def _number(self, value: Any) -> int | float:
        expected = f"{self.name} takes {'an integer' if self.kind == 'int' else 'a number'}{self.range()}"
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ConfigError(f"{expected}, not {value!r}.") from None
        whole = self.kind != "int" or number == math.floor(number) if math.isfinite(number) else False
        inside = (
            (self.low is None or number >= self.low)
            and (self.high is None or number <= self.high)
            and (self.above is None or number > self.above)
        )
        if isinstance(value, bool) or not whole or not inside:
            near = self._nearest(number)
            raise ConfigError(f"{expected}, not {value}{f' (nearest: {self.name}={near})' if near else ''}.")
        return int(number) if self.kind == "int" else number

    def range(self) -> str:
        """` from 1 to 10`: the numbers that are taken, after a blank; "" where all are."""
        if self.low is None and self.above is None:
            return ""
        low = f"above {self.above:.15g}" if self.above is not None else f"from {self.low:.15g}"
        return f" {low}" + (f" to {self.high:.15g}" if self.high is not None else "")

    def _nearest(self, number: float) -> str:
        """The bound that a number lies beyond; "" where it lies beyond none that may be taken."""
        for bound, beyond in ((self.low, operator.lt), (self.high, operator.gt)):
            if bound is not None and beyond(number, bound):
                return f"{bound:.15g}"
        return ""

    def to_dict(self) -> dict[str, object]:
        """What a run's record says of it, as plain values."""
        return asdict(self)


# Of every family that is conditional on the labels of its data; see `genkit.core.conditions`.
LABEL = Option("label", "name", None, "class by name, or by number if no name is one; null: any", many=True)


def as_list(value: str | Sequence[str]) -> list[str]:
    """The texts of an option that takes several, given as one or as a list."""
    return [value] if isinstance(value, str) else list(value)


def resolve_options(declared: Iterable[Option], given: Options, owner: str) -> Options:
    """Every declared option with its given or default value.

    Raises:
        ConfigError: an option that `owner` does not declare, or a value out of range.
    """
    by_name = {option.name: option for option in declared}
    for name in given:
        if name not in by_name:
            have = ", ".join(by_name) or "none"
            hint = closest(name, by_name)
            raise ConfigError(f"{owner} has no sampling option {name!r}.{hint} Its options: {have}.")
    return {
        name: option.check(given[name]) if name in given else option.default
        for name, option in by_name.items()
    }


def key_and_value(word: str) -> tuple[str, str]:
    """The two parts of a word.

    Raises:
        ConfigError: it is no `key=value`.
    """
    key, equals, value = word.partition("=")
    if word.startswith("-"):
        written = word.lstrip("-") if equals else f"{word.lstrip('-')}=VALUE"
        raise ConfigError(f"{word}: words take no dashes; write {written}.")
    if not key.strip("+"):
        raise ConfigError(f"{word!r} names no key; write KEY=VALUE.")
    if key.startswith("~"):
        raise ConfigError(f"{word}: nothing can be left out; write {key[1:]}=null.")
    if not equals:
        raise ConfigError(f"{word!r} is no key=value; write {word}=VALUE, or quote a value with blanks.")
    return key, value


def given_twice(key: str, first: str, second: str) -> str:
    """What is said of a word that takes one value and is given several."""
    return f"{key}= is given twice, {key}={first} and {key}={second}; give it once."
