"""Bars: each row and each column of a square is lit by chance, whatever the others are (Földiák 1990).

It shows what a dataset is: a function of its knobs that gives levels.  The parts, the spec, packing and the
views (arrays, tokens) come with them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from genkit.data.sources import Images

SIDE = 8


def bars(data: Mapping[str, Any], paths: Mapping[str, str]) -> Images:
    """As many squares as `data.examples` says, unlit or lit, always the same ones."""
    rows, columns = np.random.default_rng(0).random((2, data["examples"], SIDE)) < data["chance"]
    lit = rows[:, :, None] | columns[:, None, :]  # (N, SIDE, SIDE)
    return Images(lit[:, None].astype(np.uint8), labels=None, levels=2)
