"""System calls that fail or end the process where a trial says so; the C of it is beside this file."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
COUNT, KILL, FAIL, TALLY, REFUSE, SHORTEN, DELAY = range(1, 8)


@functools.cache
def library() -> Path | None:
    """The compiled library; None without a C compiler, and then nothing can be made to fail."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    made = Path(tempfile.mkdtemp(prefix="genkit-faults-")) / "faults.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", str(made), str(SOURCE), "-ldl"], check=True)
    return made


def arm(what: int, where: str, which: str = "", n: int = 0, code: int = 0) -> None:
    """In a forked process: count, end before call `n`, fail with `code` after `n` bytes, or change call `n`;
    see faults.c."""
    ctypes.CDLL(None).fault_arm(
        what, ctypes.c_char_p(where.encode()), ctypes.c_char_p(which.encode()), ctypes.c_long(n), code
    )


def seen() -> int:
    """Calls counted, or bytes written."""
    asked = ctypes.CDLL(None).fault_seen
    asked.restype = ctypes.c_long
    return int(asked())
