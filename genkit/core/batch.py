"""What a step is given: some examples and their places in the global batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B examples.

    Attributes:
        data: arrays as floats in [0, 1], (B, C, *sizes); tokens as int64, (B, T + 1): inputs and the next
            token of each.  A data module may hand over integers (levels, narrow ids); `GenerativeModule`
            converts them on the device.
        rows: places of the examples: in training in the global batch, elsewhere in the split.
        labels: int64 (B,), or None where the data has none; where arrays are to be completed by a model that
            reads captions, the ids of those, (B, L).
        weight: how many scored elements each example has, float (B,); None means one each.  Windows of text
            are weighted by their tokens, so that a mean over examples is the mean over tokens.
    """

    data: Tensor
    rows: range
    labels: Tensor | None = None
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, part: slice) -> Batch:
        return Batch(
            self.data[part],
            self.rows[part],
            None if self.labels is None else self.labels[part],
            None if self.weight is None else self.weight[part],
        )

    def to(self, device: torch.device) -> Batch:
        """The same examples on a device; of pinned memory nobody waits for the copy."""

        def move(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device, non_blocking=True)

        return replace(
            self,
            data=self.data.to(device, non_blocking=True),
            labels=move(self.labels),
            weight=move(self.weight),
        )

    def pin_memory(self) -> Batch:
        """The same examples in memory from which a GPU copies by itself."""

        def pin(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.pin_memory()

        return replace(self, data=self.data.pin_memory(), labels=pin(self.labels), weight=pin(self.weight))
