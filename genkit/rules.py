"""Rules of a configuration: small expressions over its keys, evaluated without executing anything.

    rules:
      n_embd % n_head == 0: make n_embd a multiple of n_head

A rule may name the keys of its own group, other groups by dotted names, numbers, texts, lists, `and`, `or`,
`not`, `in`, comparisons, arithmetic, and `is_int(x)`, `is_number(x)`.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from genkit.core.errors import ConfigError

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_FUNCTIONS: dict[str, Callable[[Any], bool]] = {
    "is_int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "is_number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def check_rules(
    rules: Mapping[str, str], own: Mapping[str, Any], everything: Mapping[str, Any], prefix: str
) -> None:
    """Check every rule.

    Args:
        own: the values that a rule names without a dot.
        everything: the whole configuration, for dotted names.
        prefix: of `own` in messages ("model.").

    Raises:
        ConfigError: the first rule that does not hold, with the values of the keys that it names.
    """
    for rule, advice in rules.items():
        tree = ast.parse(rule, mode="eval").body
        try:
            holds = _evaluate(tree, {**everything, **own})
        except (TypeError, ZeroDivisionError):
            holds = False
        if not holds:
            named = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in own]
            values = " ".join(
                f"{prefix}{name}={own[name]}"
                for name in dict.fromkeys(named)
                if not isinstance(own[name], Mapping)
            )
            raise ConfigError(f"{values or prefix.rstrip('.')} breaks the rule {rule}: {advice}.")


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
    raise ConfigError(f"a rule cannot say {ast.unparse(node)!r}; see genkit/rules.py for what it can.")
