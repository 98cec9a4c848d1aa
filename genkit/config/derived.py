"""The knobs of a family that declares none: what its `__init__` takes, by annotations and defaults.

Of a class at hand the signature is read; of one that is installed, its source, so that nothing is imported.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import GenericAlias
from typing import Any, Literal, NamedTuple, cast

import msgspec

from genkit.core.knobs import Knobs
from genkit.system.plain import read_bytes

SIMPLE: Mapping[str, object] = {"int": int, "float": float, "str": str, "bool": bool, "None": None}
LISTS = ("list", "tuple", "Sequence")
MOST_BYTES = 1_000_000  # of a source file


class Parameter(NamedTuple):
    """One that a family takes by its name; `annotation` is source text, "" where there is none."""

    name: str
    annotation: str
    default: object = msgspec.NODEFAULT


class Signature(NamedTuple):
    """What a family's `__init__` takes after the spec; `open`: it takes any others, too."""

    parameters: tuple[Parameter, ...]
    open: bool


def knobs_of_class(family: type, base: type[Knobs]) -> type[Knobs]:
    """A declaration made of a class's signature; knobs without a type take any single value."""
    parameters = list(inspect.signature(family).parameters.values())[1:]  # after the spec
    found = tuple(
        Parameter(
            p.name,
            "" if p.annotation is p.empty else _text(p.annotation),
            msgspec.NODEFAULT if p.default is p.empty else p.default,
        )
        for p in parameters
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    )
    return declaration(family.__name__, found, base)


def declaration(name: str, parameters: Iterable[Parameter], base: type[Knobs]) -> type[Knobs]:
    """A declaration of these knobs beside those of `base`."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for parameter in parameters:
        if parameter.name in base.__struct_fields__:
            continue
        default = parameter.default
        form = _form(parameter.annotation) if parameter.annotation else form_of(default)
        if default is None:
            form = form | None if form is not Any else Any
        if isinstance(default, list):
            default = tuple(default)
        fields.append(
            (parameter.name, form) if default is msgspec.NODEFAULT else (parameter.name, form, default)
        )
    made = msgspec.defstruct(f"{name}Knobs", fields, bases=(base,), frozen=True, kw_only=True)
    return cast("type[Knobs]", made)


def form_of(value: object) -> Any:
    """The type of a value, for a knob of which nothing else is known."""
    if isinstance(value, list | tuple):
        entry = form_of(value[0]) if value else Any
        return _tuple(entry, ...)
    return type(value) if isinstance(value, bool | int | float | str) else Any


def _tuple(*entries: Any) -> Any:
    return GenericAlias(tuple, entries)


def signature_of(target: str) -> Signature | None:
    """What the class `module:class` takes, by its source alone; None where that does not tell."""
    module, _, name = target.partition(":")
    tree = _source(module)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)} if tree else {}
    seen: set[str] = set()
    while name in classes and name not in seen:
        seen.add(name)
        for node in classes[name].body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                return _signature(node.args)
        name = next((base.id for base in classes[name].bases if isinstance(base, ast.Name)), "")
    return None


def _source(module: str) -> ast.Module | None:
    """A module's syntax; its package is found, and not imported."""
    first, *rest = module.split(".")
    try:
        spec = find_spec(first)
        if spec is None:
            return None
        roots = [Path(place) for place in spec.submodule_search_locations or ()]
        places = [Path(spec.origin)] if not rest and spec.origin else []
        for root in roots:
            path = root.joinpath(*rest)
            places += [path.with_suffix(".py"), path / "__init__.py"]
        file = next(place for place in places if place.is_file())
        return ast.parse(read_bytes(file, MOST_BYTES, follow=True))
    except (StopIteration, ImportError, OSError, ValueError, SyntaxError, RecursionError):
        return None


def _signature(arguments: ast.arguments) -> Signature:
    placed = [*arguments.posonlyargs, *arguments.args]
    padding: list[ast.expr | None] = [None] * (len(placed) - len(arguments.defaults))
    pairs = [*zip(placed, [*padding, *arguments.defaults], strict=True)][2:]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    found = tuple(
        Parameter(
            argument.arg,
            "" if argument.annotation is None else ast.unparse(argument.annotation),
            msgspec.NODEFAULT if default is None else _literal(default),
        )
        for argument, default in pairs
    )
    return Signature(found, arguments.kwarg is not None)


def _literal(node: ast.expr) -> object:
    """The plain value that a default is; None where it is made by more than that."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None


def _text(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _form(annotation: str) -> Any:
    """The type that an annotation names; `Any` where it is none of those that a value can have."""
    try:
        return _form_of_node(ast.parse(annotation, mode="eval").body)
    except (SyntaxError, ValueError, TypeError, RecursionError):
        return Any


def _form_of_node(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str(text)):
            return _form(text)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _tuple(Any, ...) if name in LISTS else SIMPLE.get(name, Any)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            forms = _form_of_node(left), _form_of_node(right)
            return Any if Any in forms else forms[0] | forms[1]
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            entries = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if name == "Literal":
                return Literal.__getitem__(tuple(ast.literal_eval(entry) for entry in entries))
            if name == "Optional":
                return _form_of_node(entries[0]) | None
            if name == "Annotated":
                return _form_of_node(entries[0])
            if name == "tuple" and not any(isinstance(e, ast.Constant) and e.value is ... for e in entries):
                return _tuple(*map(_form_of_node, entries))
            if name in LISTS:
                return _tuple(_form_of_node(entries[0]), ...)
    return Any
