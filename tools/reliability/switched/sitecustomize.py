"""Imported by every Python of a trial of guards: each `raise` of a refusal of genkit's can be switched off.

A guard is a statement `raise ERROR(…)` whose error is one of genkit's, named `FILE:LINE`.  On import it
becomes `if stands(NAME): raise ERROR(…)`, in the tests' own process and in every child.  The files stay as
they are.
"""

from __future__ import annotations

import ast
import functools
import importlib.machinery
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).parents[3]
OFF, LOG = "GENKIT_GUARD_OFF", "GENKIT_GUARD_LOG"  # the guard without effect; where it is told who met which
_met: set[tuple[str, str]] = set()


def stands(guard: str) -> bool:
    """Whether a guard refuses; it is asked where it would."""
    log = os.environ.get(LOG)
    if log and (met := (guard, os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0])) not in _met:
        _met.add(met)
        with open(log, "a") as file:
            file.write(f"{met[0]}\t{met[1]}\n")
    return guard != os.environ.get(OFF)


@functools.cache
def errors() -> frozenset[str]:
    """Names of all classes of genkit that derive from GenkitError."""
    files = sorted((ROOT / "genkit").rglob("*.py"))
    classes = [node for file in files for node in ast.walk(_tree(file)) if isinstance(node, ast.ClassDef)]
    found = {"GenkitError"}
    while more := {c.name for c in classes if c.name not in found and found & {_name(b) for b in c.bases}}:
        found |= more
    return frozenset(found)


def guards(file: Path) -> Iterator[tuple[str, ast.Raise]]:
    """The guards of a file, each with its name."""
    for node in ast.walk(_tree(file)):
        if (
            isinstance(node, ast.Raise)
            and isinstance(node.exc, ast.Call)
            and _name(node.exc.func) in errors()
        ):
            yield f"{file.relative_to(ROOT)}:{node.lineno}", node


@functools.cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class _Switching(ast.NodeTransformer):
    def __init__(self, names: dict[ast.Raise, str]) -> None:
        self._names = names

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        if node not in self._names:
            return node
        asked = ast.parse(f"if __import__('sitecustomize').stands({self._names[node]!r}): pass").body[0]
        assert isinstance(asked, ast.If)
        asked.body = [node]
        return ast.fix_missing_locations(ast.copy_location(asked, node))


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:  # past any compiled file
        file = Path(self.path)
        tree = _Switching({node: name for name, node in guards(file)}).visit(_tree(file))
        return compile(tree, self.path, "exec", dont_inherit=True)


class _Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):  # type: ignore[no-untyped-def]
        if fullname.partition(".")[0] != "genkit":
            return None
        found = super().find_spec(fullname, path, target)
        if found is not None and found.origin and Path(found.origin).is_relative_to(ROOT / "genkit"):
            found.loader = _Loader(fullname, found.origin)
        return found


if OFF in os.environ or LOG in os.environ:
    sys.meta_path.insert(0, _Finder)
