"""The page of the public names, whose text is their docstrings'."""

from __future__ import annotations

import functools
import importlib
import inspect
import types
from collections.abc import Iterator

import genkit
from genkit.core.capabilities import CAPABILITIES, LikelihoodKind
from tools.site.markdown import page

PLACE = "reference/python.md"
KINDS = (types.FunctionType, classmethod, staticmethod, property, functools.cached_property)
CALLED = ("train", "load", "evaluate", "study", "report")
KEPT = ("Samples",)
DECLARING = (
    ("genkit.core.knobs", "knob", "function"),
    ("genkit.cli.command", "Command", "class"),
    ("genkit.cli.command", "CommandSettings", "class"),
    ("genkit.cli.command", "word", "function"),
    ("genkit.cli.command", "required", "function"),
    ("genkit.testing", "check_family", "function"),
)


def pages() -> Iterator[tuple[str, str]]:
    """Place and text of the page."""
    named = [name for name in genkit.__all__ if name not in (*CALLED, *KEPT, "errors")]
    abilities = [name for name in named if getattr(genkit, name) in (*CAPABILITIES, LikelihoodKind)]
    parts = [
        "`import genkit` takes no time: a name is imported when it is first used. A call leaves warnings, log"
        " levels, threads, precision, random generators, signal handlers and environment as it found them."
        " `genkit.study` and `genkit.report` are called so; below they have the name of the file that"
        " defines them.",
        "## Functions",
        *(_documented(_place(name), name, "function") for name in CALLED),
        "## What they return",
        *(_documented(_place(name), name, "class") for name in KEPT),
        "## What a family is written with",
        *(_documented(_place(name), name, "class") for name in named if name not in abilities),
        "## Capabilities",
        *(_documented("genkit", name, "class") for name in abilities),
        "## What is refused",
        _directive("automodule", "genkit.system.errors", ":members:", ":show-inheritance:"),
        "## What declarations are written with",
        *(_documented(*declared) for declared in DECLARING),
    ]
    yield PLACE, page("Python", *parts)


def _place(name: str) -> str:
    """Where a public name is found: in `genkit`, but of one that a room has, too, in its own file."""
    return "genkit.library.conclusions" if inspect.ismodule(getattr(genkit, name)) else "genkit"


def _documented(module: str, name: str, kind: str) -> str:
    if kind == "function":
        return _directive("autofunction", f"{module}.{name}")
    own = ", ".join(_methods(module, name))
    return _directive(
        "autoclass", f"{module}.{name}", f":members: {own}" if own else "", ":show-inheritance:"
    )


def _methods(module: str, name: str) -> Iterator[str]:
    """What a class offers by itself or by its bases here, and says of itself, in alphabetical order."""
    owner = getattr(importlib.import_module(module), name)
    ours = [base for base in owner.__mro__ if base.__module__.startswith("genkit")]
    for key in dir(owner):
        found = [base.__dict__[key] for base in ours if key in base.__dict__]
        said = any(isinstance(each, KINDS) and each.__doc__ for each in found)
        if said and not key.startswith("_"):
            yield key


def _directive(kind: str, argument: str, *options: str) -> str:
    lines = "\n".join(f"   {option}" for option in options if option)
    return f"```{{eval-rst}}\n.. {kind}:: {argument}\n{lines}\n```"
