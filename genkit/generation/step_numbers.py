"""One number a row and step, kept as they come, without waiting for the device that they are on."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

BLOCK = 256  # steps that are kept as one tensor: each takes some 600 bytes beside its numbers


class StepNumbers:
    """StepNumbers (B,) in their order, and of many steps one block (B, BLOCK)."""

    def __init__(self) -> None:
        self._columns: list[Tensor] = []
        self._blocks: list[Tensor] = []

    def __len__(self) -> int:
        return BLOCK * len(self._blocks) + len(self._columns)

    def add(self, column: Tensor) -> None:
        self._columns.append(column)
        if len(self._columns) == BLOCK:
            self._blocks.append(torch.stack(self._columns, dim=1))
            self._columns.clear()

    def first(self, step: int) -> int:
        """The first row's number of a step, which is whole."""
        block, place = divmod(step, BLOCK)
        return int(self._blocks[block][0, place] if block < len(self._blocks) else self._columns[place][0])

    def beginnings(self, lengths: Iterable[int]) -> list[Tensor]:
        """So many numbers of each row, on the host."""
        rows = self.rows()
        return [torch.empty(0) if rows is None else rows[b, :n].clone() for b, n in enumerate(lengths)]

    def rows(self) -> Tensor | None:
        """All of them on the host, (B, steps); None without any."""
        left = [torch.stack(self._columns, dim=1)] if self._columns else []
        blocks = [*self._blocks, *left]
        return torch.cat(blocks, dim=1).cpu() if blocks else None
