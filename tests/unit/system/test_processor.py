"""What a training sets of the process, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from genkit.system.processor import keep_freed_memory
kept = {keep} and keep_freed_memory()
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10): [torch.ones(8, 2**19) for _ in range(4)]
before = faults()
for _ in range(20): [torch.ones(8, 2**19) for _ in range(4)]  # 4 times 4,096 pages
print(kept, faults() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own")
def test_freed_memory_is_kept() -> None:
    said = [
        subprocess.run(
            [sys.executable, "-c", FAULTS.format(keep=keep)],
            env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"},  # a block is a mapping of its own
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for keep in (False, True)
    ]
    assert said[1][0] == "True"
    assert int(said[1][1]) < 200 < int(said[0][1])


def test_tiny_numbers_are_flushed() -> None:
    program = (
        "import torch; from genkit.system.processor import flush_tiny_numbers;"
        "x = torch.tensor([1e-30]); before = float(x * 1e-10);"
        "flush_tiny_numbers(); print(before, float(x * 1e-10))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert before > 0
    assert after == 0
