"""What values a configuration may hold: types as in its defaults, ranges as in its rules.

    rules:
      n_embd % n_head == 0: make n_embd a multiple of n_head

A rule is an expression over the keys of its own group (other groups by dotted names) and an advice for those
who break it.  It is evaluated without executing anything: numbers, texts, lists, arithmetic, comparisons,
`in` (of a list: each of its items), `and`, `or`, `not`, `is_int(x)`, `is_number(x)`, `is_list(x)`, `len(x)`.
"""

from __future__ import annotations

import ast
import difflib
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from genkit.config.values import copied, leaves, put, shown
from genkit.system.errors import ConfigError


def _power(base: float, exponent: float) -> float:
    if abs(exponent) > 64:
        raise TypeError("a rule needs no such power")
    return base**exponent


_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: all(i in items for i in item) if isinstance(item, list) else item in items,
    ast.NotIn: lambda item, items: item not in items,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "is_int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "is_number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "is_list": lambda value: isinstance(value, list),
    "len": len,
}


UNSET = "???"  # OmegaConf's word for a value that somebody has to give


def check_set(cfg: Mapping[str, Any]) -> None:
    """See that every value has been given.

    Raises:
        ConfigError: some have not; all of them are listed.
    """
    if unset := [key for key, value in leaves(cfg) if value == UNSET]:
        words = " ".join(f"{key}=…" for key in unset)
        raise ConfigError(f"not given yet ({UNSET}): {words}")


# ---------------------------------------------------------------------- rules


@dataclass(frozen=True)
class Constraint:
    """One rule.

    Attributes:
        group: whose keys it names without a dot; "" for the whole configuration.
        part: of that group, with some of its keys anew ("generator" in `optim`); the rule holds there too.
    """

    group: str
    text: str
    advice: str
    part: str = ""

    @cached_property
    def tree(self) -> ast.expr:
        try:
            return ast.parse(self.text, mode="eval").body
        except SyntaxError:
            raise ConfigError(
                f"the rule {self.text!r} of {self.group or 'the configuration'} cannot be read."
            ) from None

    def scope(self, cfg: Mapping[str, Any]) -> dict[str, Any]:
        own = cfg[self.group] if self.group else {}
        part = {key: value for key, value in own.get(self.part, {}).items() if value is not None}
        return {**cfg, **own, **part}

    def keys(self, cfg: Mapping[str, Any]) -> dict[str, Any]:
        """The dotted keys that the rule names, with their values, in order."""
        own = cfg[self.group] if self.group else {}
        known = dict(leaves(self.scope(cfg)))
        found = {}
        for path in dict.fromkeys(_paths(self.tree)):
            first = path.split(".")[0]
            prefix = f"{self.group}." if first in own else ""
            part = f"{self.part}." if own.get(self.part, {}).get(first) is not None else ""
            if path in known:
                found[f"{prefix}{part}{path}"] = known[path]
        return found

    def holds(self, cfg: Mapping[str, Any]) -> bool:
        try:
            return bool(_evaluate(self.tree, self.scope(cfg)))
        except (TypeError, ZeroDivisionError, OverflowError):
            return False
        except KeyError as error:
            raise ConfigError(
                f"the rule {self.text!r} names {error}, which the configuration lacks."
            ) from None

    def allows_null(self) -> set[str]:
        """Dotted names within the group that the rule compares with None."""
        nullable: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot):
                nullable.update(_paths(node.left))
        return nullable

    def allows_list(self) -> set[str]:
        """Dotted names within the group of which the rule asks `is_list`."""
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        asked = (c.args[0] for c in calls if isinstance(c.func, ast.Name) and c.func.id == "is_list")
        return {name for argument in asked for name in _paths(argument)}

    def refusal(self, cfg: Mapping[str, Any], others: Sequence[Constraint] = ()) -> ConfigError:
        """What is wrong, what to do, and the nearest value that would do.

        Args:
            others: rules that the nearest value keeps, too.
        """
        keys = self.keys(cfg)
        said = ", ".join(f"{key}={shown(value)}" for key, value in keys.items())
        nearest = ((key, self._nearest(cfg, key, others)) for key in keys)
        near = next((f" (nearest: {key}={value})" for key, value in nearest if value is not None), "")
        return ConfigError(f"{said or self.group}: {self.advice}{near}.")

    def _nearest(self, cfg: Mapping[str, Any], key: str, others: Sequence[Constraint]) -> Any:
        value = self.keys(cfg)[key]
        constants = [node.value for node in ast.walk(self.tree) if isinstance(node, ast.Constant)]
        candidates: list[Any] = []
        if isinstance(value, str):
            candidates = difflib.get_close_matches(value, [c for c in constants if isinstance(c, str)], n=1)
        elif isinstance(value, int) and not isinstance(value, bool):
            bounds = {c + d for c in constants if type(c) is int for d in (-1, 0, 1)}
            around = range(value - 256, value + 257)
            candidates = sorted(bounds.union(around), key=lambda v: (abs(v - value), v))
        for candidate in candidates:
            changed = copied(cfg)
            put(changed, key, candidate)
            if self.holds(changed) and all(rule.holds(changed) for rule in others):
                return candidate
        return None


def rules_of(cfg: Mapping[str, Any]) -> list[Constraint]:
    """Every rule of a composed configuration; those of one group before those that relate several."""
    found: list[Constraint] = []
    for group, section in cfg.items():
        if isinstance(section, Mapping) and group not in ("rules", "choices"):
            parts = [
                k
                for k, v in section.items()
                if k != "rules" and isinstance(v, Mapping) and {*v} <= {*section}
            ]
            for text, advice in section.get("rules", {}).items():
                found += [Constraint(group, text, advice, part) for part in ("", *parts)]
    return found + [Constraint("", text, advice) for text, advice in cfg.get("rules", {}).items()]


def check_rules(cfg: Mapping[str, Any]) -> None:
    """See that every rule holds.

    Raises:
        ConfigError: the first that does not, with the values of the keys that it names.
    """
    rules = rules_of(cfg)
    for rule in rules:
        if not rule.holds(cfg):
            raise rule.refusal(cfg, [other for other in rules if other.holds(cfg)])


def _paths(node: ast.AST) -> Iterator[str]:
    """The dotted names in an expression, in order."""
    match node:
        case ast.Name():
            yield node.id
        case ast.Attribute():
            for base in _paths(node.value):
                yield f"{base}.{node.attr}"
        case ast.Call():
            for argument in node.args:
                yield from _paths(argument)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _paths(child)


def _evaluate(node: ast.AST, names: Mapping[str, Any]) -> Any:
    def value(child: ast.AST) -> Any:
        return _evaluate(child, names)

    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return names[node.id]
        case ast.Attribute():
            return value(node.value)[node.attr]
        case ast.Subscript(slice=ast.Constant(value=int(place))):
            return value(node.value)[place]
        case ast.List() | ast.Tuple():
            return [value(item) for item in node.elts]
        case ast.UnaryOp(op=ast.Not()):
            return not value(node.operand)
        case ast.UnaryOp(op=ast.USub()):
            return -value(node.operand)
        case ast.BinOp() if type(node.op) in _BINARY:
            return _BINARY[type(node.op)](value(node.left), value(node.right))
        case ast.BoolOp():
            combine = all if isinstance(node.op, ast.And) else any
            return combine(value(item) for item in node.values)
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](value(argument))
        case ast.Compare():
            left = value(node.left)
            for op, right_node in zip(node.ops, node.comparators, strict=True):
                right = value(right_node)
                if not _COMPARE[type(op)](left, right):
                    return False
                left = right
            return True
    raise ConfigError(f"a rule cannot say {ast.unparse(node)!r}; see genkit.config.rules for what it can.")


# ---------------------------------------------------------------------- types


def check_types(defaults: Mapping[str, Any], cfg: dict[str, Any]) -> None:
    """Give every value the type of its default: whole numbers serve as floats, anything plain as a text.

    A null default takes any single value, and a list where a rule of its group asks `is_list`; a key takes
    null where such a rule speaks of None.
    A key of a part of a group (`optim.generator.lr`) has the type of the group's own (`optim.lr`).

    Raises:
        ConfigError: a value of another type, or a number that is not finite.
    """
    expected = dict(leaves(defaults))
    rules = rules_of(defaults)
    nullable = {f"{r.group}.{name}".lstrip(".") for r in rules for name in r.allows_null()}
    listed = {f"{r.group}.{name}".lstrip(".") for r in rules for name in r.allows_list()}
    for key, value in list(leaves(cfg)):
        group, last = key.partition(".")[0], key.rpartition(".")[2]
        default = expected.get(key)
        if default == UNSET and value is not None:  # whoever left it open says nothing of its type
            continue
        if value is None and (default is None or key in nullable):
            continue
        own = expected.get(f"{group}.{last}") if default is None else default
        if own is None and key in listed and isinstance(value, list):
            own = []
        try:
            put(cfg, key, _as(value, own))
        except TypeError as error:
            alike = {key, f"{group}.{last}"}
            advice = next((r.advice for r in rules if not r.part and alike & set(r.keys(defaults))), "")
            hint = f": {advice}" if advice else f" (default: {shown(default)})"
            raise ConfigError(f"{key}={shown(value)} is not {error}{hint}.") from None


def _as(value: Any, default: Any) -> Any:
    """The value in the type of `default`; a TypeError says what was expected."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and not math.isfinite(value):
        raise TypeError("a finite number")
    match default:
        case None:
            fits, word = not isinstance(value, list | Mapping), "a single value"
        case bool():
            fits, word = isinstance(value, bool), "true or false"
        case int():
            fits, word = is_number and isinstance(value, int), "an integer"
        case float():
            return float(value) if is_number else _refuse("a number")
        case str():
            return str(value) if is_number or isinstance(value, str) else _refuse("a word")
        case list():
            fits, word = isinstance(value, list), f"a list such as {shown(default)}"
            if fits:
                try:
                    return [_as(item, default[0] if default else None) for item in value]
                except TypeError:
                    fits = False
        case _:
            fits, word = isinstance(value, Mapping), "a group of keys"
    return value if fits else _refuse(word)


def _refuse(word: str) -> Any:
    raise TypeError(word)
