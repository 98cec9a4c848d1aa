"""What a training asks of a processor and its libraries; of the whole process, until it ends."""

from __future__ import annotations

import ctypes
import sys

import torch


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
