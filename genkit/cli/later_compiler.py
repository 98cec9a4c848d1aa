"""The compiler of torch, for who compiles: Lightning wants little of it, and its import takes seconds.

`torch._dynamo` brings sympy and half of torch.  In a process that a command has to itself which trains
nothing, the package is opened without its __init__.  That runs as soon as more is asked for than the class of
compiled modules, or than to let a function alone that is not called.
"""

from __future__ import annotations

import functools
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader
else:
    Loader = object  # (see `genkit.cli.startup`)

COMPILER = "torch._dynamo"
CLASS, LET_ALONE = "OptimizedModule", "disable"


def postpone_compiler() -> None:
    """Open torch's compiler, should anybody import it, without importing what compiles."""
    if COMPILER not in sys.modules:
        sys.meta_path.insert(0, CompilerFinder())


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        made_by = sys.modules.get(f"{COMPILER}.eval_frame")
        return made_by is not None and isinstance(instance, getattr(made_by, CLASS))


class Compiled(metaclass=_Kind):
    """What a compiled module is an instance of, also before there can be one."""


class CompilerFinder:
    """Finds the package, and those of its modules that are imported before it has run."""

    loader: PostponedCompiler | None = None

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name == COMPILER:
            spec = importlib.machinery.PathFinder.find_spec(name, path)
            if spec is not None and spec.loader is not None:
                spec.loader = self.loader = PostponedCompiler(spec.loader)
            return spec
        if self.loader is None or not name.startswith(f"{COMPILER}."):
            return None
        self.loader.run()
        found = sys.modules.get(name)
        return None if found is None else importlib.machinery.ModuleSpec(name, Present(found))


class PostponedCompiler(Loader):
    """Runs the package's __init__ when more is asked of it than the class."""

    module: ModuleType | None = None

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        def ask(name: str) -> Any:
            if name == CLASS:
                return Compiled
            if name == LET_ALONE:
                return self._let_alone
            if name.startswith("__"):
                raise AttributeError(name)
            self.run()
            return getattr(module, name)

        self.module = module
        vars(module)["__getattr__"] = ask

    def _let_alone(self, function: Any = None, *how: Any, **more: Any) -> Any:
        """`torch._dynamo.disable`, which decorates methods of Lightning: done when one is called."""

        def real() -> Any:
            self.run()
            return getattr(sys.modules[COMPILER], LET_ALONE)(function, *how, **more)

        if function is None or "wrapping" in more:  # as torch itself calls it
            return real()
        done: list[Any] = []

        @functools.wraps(function)
        def called(*arguments: Any, **keywords: Any) -> Any:
            if not done:
                done.append(real())
            return done[0](*arguments, **keywords)

        return called

    def run(self) -> None:
        """Run it, if that has not been done."""
        module, self.module = self.module, None
        if module is not None:
            vars(module).pop("__getattr__")
            self._loader.exec_module(module)


class Present(Loader):
    """Gives a module that was imported meanwhile."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
