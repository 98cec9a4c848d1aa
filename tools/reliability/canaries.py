"""Code that a stranger's file names: had anything of it been executed or imported, a file would tell."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path
from typing import Any

SECRET = "canary-secret-7f3a"
MODULE = "stranger"


class Canaries:
    """In a trial's folder: a module whose import leaves a file, commands that do, and a victim.

    Attributes:
        folder: of the trial.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._traces = folder / "traces"
        self._traces.mkdir()
        (folder / "modules").mkdir()
        source = (
            f"import pathlib\nplace = pathlib.Path({str(self._traces)!r})\n(place / 'imported').touch()\n"
            "def strike(*args, **kwargs):\n    (place / 'called').touch()\n"
        )
        (folder / "modules" / f"{MODULE}.py").write_text(source)
        self.victim.write_text("untouched\n")

    @property
    def victim(self) -> Path:
        """A file outside the run folder."""
        return self.folder / "victim.txt"

    @property
    def shell(self) -> str:
        return f"touch {self._traces / 'shell'}"

    @property
    def python(self) -> str:
        return f"open({str(self._traces / 'python')!r}, 'w').close()"

    def assert_untouched(self) -> None:
        """That nothing was executed, imported, or written outside the run."""
        left = sorted(path.name for path in self._traces.iterdir())
        assert not left, f"it was executed: {left}"
        assert self.victim.read_text() == "untouched\n", "a file outside was written"


class Calls:
    """What pickles as the call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.function, self.arguments


def pickles(canaries: Canaries) -> dict[str, bytes]:
    """A pickle of each protocol, calling what pickles are known to call, and one with a persistent id."""
    found = {
        "protocol 0, os.system": pickle.dumps(Calls(os.system, canaries.shell), 0),
        "protocol 1, exec": pickle.dumps(Calls(exec, canaries.python), 1),
        "protocol 2, eval": pickle.dumps(Calls(eval, canaries.python), 2),
        "protocol 3, import": pickle.dumps(Calls(__import__, MODULE), 3),
        "protocol 4, os.system": pickle.dumps({"weight": Calls(os.system, canaries.shell)}, 4),
        "protocol 5, exec": pickle.dumps([Calls(exec, canaries.python)], 5),
    }
    # GLOBAL by hand, then a persistent id, as torch.save stores tensors.
    found["persistent id"] = b"\x80\x02c" + f"{MODULE}\nstrike\n".encode() + b"X\x01\x00\x00\x00xQ\x85R."
    return found


def safetensors(header: str, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with this header, whatever it says; `length`: what it says of its own length."""
    raw = header.encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data
