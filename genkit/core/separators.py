"""Where documents end among the ids of a text: a separator's ids stand between two of them.

A document begins with the last id of the separator before it, the first that a model reads of it, and ends
with the separator behind it, the last that a model predicts of it.  Which of several equal ids in a row end a
separator is said by those before each alone, so a window that begins anywhere says the same.  Nothing here
imports torch.
"""

from __future__ import annotations

import numpy as np

BLOCK = 2**22  # ids looked at at once


def completed(ids: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Whether a separator's ids are complete with each id, bool (N,).

    Args:
        ids: of a text, integers (N,).
        mark: of the separator, integers (L,), one or more.
    """
    found = np.ones(len(ids), bool)
    for back, part in enumerate(mark[::-1].tolist()):
        found[back:] &= ids[: len(ids) - back] == part
        found[:back] = False
    return found


def completed_at(ids: np.ndarray, mark: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The same at some places of a text, integers of any shape; beyond its end nothing is."""
    found = places < len(ids)
    for back, part in enumerate(mark[::-1].tolist()):
        at = places - back
        found &= (at >= 0) & (ids[at.clip(0, len(ids) - 1)] == part)
    return found


def ends(ids: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Places behind each separator of a text, which may be mapped, int64 (M,), increasing."""
    before = len(mark) - 1
    found = []
    for start in range(0, len(ids), BLOCK):
        first = max(0, start - before)
        own = np.flatnonzero(completed(ids[first : start + BLOCK], mark)) + first + 1
        found.append(own[own > start])
    return np.concatenate(found) if found else np.empty(0, np.int64)
