"""The options of sampling: what a family declares, checked before anything heavy is imported.

An option is plain data.  A run writes down those of its family, so the command line can refuse a bad value
without importing torch.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from genkit.system.errors import ConfigError, nearest


@dataclass(frozen=True)
class Option:
    """One option of `sample()`.

    Attributes:
        kind: "int", "float", "text" (a string) or "name" (a string, or a whole number that serves as one).
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
        if self.kind == "name" and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if self.kind in ("text", "name"):
            if not isinstance(value, str):
                raise ConfigError(f"{self.name}={value!r} is not a text.")
            if self.choices and value not in self.choices:
                hint = nearest(value, self.choices)
                hint = hint if hint.startswith(" Did") else ""
                raise ConfigError(f"{self.name}={value} is none of {', '.join(self.choices)}.{hint}")
            return value
        return self._number(value)

    def _number(self, value: Any) -> int | float:
        expected = f"{self.name} takes {'an integer' if self.kind == 'int' else 'a number'}{self._range()}"
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

    def _range(self) -> str:
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

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


# Of every family that is conditional on the labels of its data; see `genkit.core.conditions`.
LABEL = Option("label", "name", None, "class by name, or by number if no name is one; null: any", many=True)


def as_list(value: str | Sequence[str]) -> list[str]:
    """The texts of an option that takes several, given as one or as a list."""
    return [value] if isinstance(value, str) else list(value)


def resolve_options(declared: Iterable[Option], given: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Every declared option with its given or default value.

    Raises:
        ConfigError: an option that `owner` does not declare, or a value out of range.
    """
    by_name = {option.name: option for option in declared}
    for name in given:
        if name not in by_name:
            have = ", ".join(by_name) or "none"
            close = nearest(name, by_name) if by_name else ""
            hint = close if close.startswith(" Did") else ""
            raise ConfigError(f"{owner} has no sampling option {name!r}.{hint} Its options: {have}.")
    return {
        name: option.check(given[name]) if name in given else option.default
        for name, option in by_name.items()
    }
