"""The most memory that a process has taken is its own, whoever started it."""

import subprocess
import sys

import numpy as np
import pytest

ASKED = """
import torch
from genkit.training.checkpointing import peak_memory
print(peak_memory(torch.device("cpu")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count by getrusage alone")
def test_a_process_has_not_taken_what_the_one_that_started_it_has():
    held = np.ones(200_000_000)  # 1.6 GB, all of it written
    child = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert 5e7 < int(child.stdout) < 1.2e9
    assert len(held) == 200_000_000
