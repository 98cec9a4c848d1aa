"""Euclidean distances between two sets of vectors, a block of rows at a time, in float64.

What is kept of a block is written into tensors that were there before: a small tensor that outlives its block
would lie in the room that the block leaves, and the next block would need new room, until all of them did.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genkit.system.progress import followed

BLOCK = 2**22  # distances held at once: 32 MiB
ROUNDING = 1e-13  # of |x|² + |y|²: below it a squared distance is rounding, not distance


def blocks(rows: Tensor, columns: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Squared distances (b, m) of some rows to all columns, with the slice of those rows.

    |x - y|² = |x|² + |y|² - 2 x·y, on vectors moved to their common mean, where less cancels.  What is left
    of the difference of two equal vectors counts as zero.
    """
    centre = columns.double().mean(0)
    rows, columns = rows.double() - centre, columns.double() - centre
    norms = columns.square().sum(1)
    step = max(1, BLOCK // max(len(columns), 1))
    begin = 0
    for part in followed("comparing features", rows.split(step) if len(rows) else (), len(rows)):
        sums = part.square().sum(1, keepdim=True) + norms
        squared = torch.addmm(sums, part, columns.T, alpha=-2)
        squared[squared < ROUNDING * sums] = 0
        yield slice(begin, begin + len(part)), squared
        begin += len(part)


def without_self(where: slice, squared: Tensor) -> Tensor:
    """Distances within one set with each vector's distance to itself set to infinity, in place."""
    here = torch.arange(len(squared))
    squared[here, here + where.start] = torch.inf
    return squared


def nearest(rows: Tensor, columns: Tensor, k: int, same: bool = False) -> tuple[Tensor, Tensor]:
    """Squared distances and indices (n, k) of the k nearest columns of every row, nearest first.

    Args:
        same: rows and columns are one set, and no vector is its own neighbour.
    """
    values = torch.empty(len(rows), k, dtype=torch.float64)
    indices = torch.empty(len(rows), k, dtype=torch.int64)
    for where, squared in blocks(rows, columns):
        found = (without_self(where, squared) if same else squared).topk(k, largest=False)
        values[where], indices[where] = found
    return values, indices
