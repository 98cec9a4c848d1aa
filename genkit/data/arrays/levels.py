"""Entries of 16 bits: on disk levels 0 … 65,535, shown as signed numbers around 0."""

from __future__ import annotations

import numpy as np

MIDDLE = 2**15  # the level of 0


def signed(levels: np.ndarray) -> np.ndarray:
    """Levels, uint16, as what is shown of them, int16."""
    return (levels.astype(np.int32) - MIDDLE).astype(np.int16)


def levels_of(shown: np.ndarray) -> np.ndarray:
    """What is shown, int16, as levels, uint16."""
    return (shown.astype(np.int32) + MIDDLE).astype(np.uint16)
