"""What a run of benchmarks ran on, and how much of it other work had meanwhile."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

from clocks import of_children

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_tile")  # the sets of instructions that products are made of
LIBRARIES = ("torch", "pytorch_lightning", "transformers", "torch-fidelity", "tokenizers", "numpy")


def processor() -> str:
    """Its name and what it multiplies with, as Linux says them."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    about = dict(reversed([[word.strip() for word in line.partition(":")[::2]] for line in lines if line]))
    kinds = [flag for flag in FLAGS if flag in about.get("flags", "").split()]
    return f"{about.get('model name', platform.machine())} ({', '.join(kinds)})"


def versions() -> dict[str, str]:
    """Of Python and of the libraries that are timed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "–"
    return found


def load() -> float:
    """Processes that ran or waited to, averaged over the last minute."""
    return round(os.getloadavg()[0], 2)


class Meanwhile:
    """What the machine did within a `with`.

    Attributes:
        seconds: of the wall.
        others: processors that were busy on average with what was not started from here.
    """

    seconds = others = 0.0

    def __enter__(self) -> Meanwhile:
        self._begun, self._busy, self._own = time.perf_counter(), _busy(), of_children()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._begun
        used = _busy() - self._busy - (of_children() - self._own)
        self.others = round(max(0.0, used) / self.seconds, 2)


def _busy() -> float:
    """Seconds that all processors have worked, together (proc(5), the first line of stat)."""
    fields = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]
    user, nice, system, _, _, interrupts, soft, stolen = map(int, fields[:8])
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
