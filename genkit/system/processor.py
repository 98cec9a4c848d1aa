"""What a training asks of a processor and its libraries; of the whole process, until it ends."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import torch

from genkit.system.plain import read_text

ABOUT_BYTES = 10_000_000  # of what Linux says of its processors


def flush_tiny_numbers() -> None:
    """Take numbers below 1e-38 for 0.

    Adam's averages of a gradient that has become 0, as of a pixel at the border, die out through such
    numbers, on which arithmetic is many times slower.  Threads started later inherit it.
    """
    torch.set_flush_denormal(True)


def compute_float32(precision: str) -> None:
    """What float32 is on a GPU, of products of matrices and of convolutions alike; of the whole process.

    torch itself would leave the products whole and let cuDNN cut convolutions to TF32, ten bits of mantissa.

    Args:
        precision: "highest" is float32; "high" and "medium" may be TF32 or narrower, and are faster.
    """
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.allow_tf32 = precision != "highest"


def multiplies_slowly() -> bool:
    """Whether MKL, which torch asks for products in float32, uses half of this processor.

    It keeps to AVX2 on those with AVX-512 that are not Intel's, where oneDNN does not: on one core of Zen 5
    it makes 105 GFLOP/s and oneDNN 220.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkl.is_available():
        return False
    try:
        about = read_text(Path("/proc/cpuinfo"), ABOUT_BYTES)
    except (OSError, ValueError):  # another system than Linux
        return False
    return "AuthenticAMD" in about


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed, for the next step; whether it does.

    glibc hands large blocks back to the system, which fills them with zeros again, page by page: 20,000 pages
    in a DCGAN's step at 64×64.  The process stays as large as it once was, and nothing sets this back: it is
    for a process of our own.  See mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    trim, top_pad, mmap, arenas = -1, -2, -3, -8
    wanted = ((mmap, 32 << 20), (trim, 2**31 - 1), (top_pad, 64 << 20), (arenas, 1))
    return all(mallopt(parameter, value) == 1 for parameter, value in wanted)


def cores_allowed() -> frozenset[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def busy_seconds(cores: frozenset[int], about: Path = Path("/proc/stat")) -> float | None:
    """How long cores have been busy since the machine started, whoever had them, added up; None where the
    system does not tell.  See proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal."""
    try:
        lines = [line.split() for line in read_text(about, ABOUT_BYTES).splitlines()]
        own = [line for line in lines if line[:1] and line[0] in {f"cpu{core}" for core in cores}]
        times = [[int(part) for part in line[1:9]] for line in own]
        ticks = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):  # another system than Linux
        return None
    return sum(sum(time) - sum(time[3:5]) for time in times) / ticks if times else None
