"""How whole examples of many lengths fill windows of one: planned by their lengths alone.

An epoch then deals the examples of each length out to the places of that length.  So all epochs have as many
windows, and an epoch's are a function of (seed, epoch).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np


class WindowPlan:
    """Windows that hold all of some examples, filled the longest first, each into the window that it leaves
    least room in (best fit decreasing, Johnson 1974: at most 11/9 of the fewest windows).

    Args:
        lengths: of the examples, int (N,), each from 1 to `room`.
        room: of a window.

    Attributes:
        bounds: where the places of each window begin among all places, int64 (W + 1,).
    """

    def __init__(self, lengths: np.ndarray, room: int) -> None:
        patterns = _patterns(lengths, room)
        slots = [np.tile(np.array(pattern, np.int64), times) for pattern, times in patterns]
        filled = [np.full(times, len(pattern), np.int64) for pattern, times in patterns]
        self._slots = np.concatenate(slots)
        self.bounds = np.concatenate(([0], np.cumsum(np.concatenate(filled))))
        self._by_slot = np.argsort(self._slots, kind="stable")
        self._lengths = lengths

    def __len__(self) -> int:
        """Windows."""
        return len(self.bounds) - 1

    def dealt(self, epoch: int | None, seed: int) -> np.ndarray:
        """The example in each place, int64 (N,); in the order that they have, where `epoch` is None."""
        order = np.arange(len(self._lengths))
        if epoch is not None:
            order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(len(self._lengths))
        dealt = np.empty(len(order), np.int64)
        dealt[self._by_slot] = order[np.argsort(self._lengths[order], kind="stable")]
        return dealt


def _patterns(lengths: np.ndarray, room: int) -> list[tuple[tuple[int, ...], int]]:
    """The lengths in a window, and how many windows have these."""
    kinds, counts = np.unique(lengths, return_counts=True)
    open_: dict[int, list[tuple[tuple[int, ...], int]]] = defaultdict(list)  # by the room that is left
    for length, count in zip(kinds[::-1].tolist(), counts[::-1].tolist(), strict=True):
        left = count
        while left:
            fitting = min((free for free in open_ if free >= length), default=None)
            if fitting is None:
                each = min(left, room // length)
                many = left // each
                open_[room - each * length].append(((length,) * each, many))
                left -= each * many
                continue
            pattern, many = open_[fitting].pop()
            used = min(many, left)
            if many > used:
                open_[fitting].append((pattern, many - used))
            if not open_[fitting]:
                del open_[fitting]
            open_[fitting - length].append(((*pattern, length), used))
            left -= used
    return [pattern for free in sorted(open_) for pattern in open_[free]]
