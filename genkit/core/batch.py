"""What a step is given: some examples and their places in the global batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Several examples in one window of tokens.

    Attributes:
        segments: of which of them each input is, integers (B, T) that do not decrease within a window.  Its
            tokens see that example alone, and places count anew in each.
        scored: which targets, the tokens after each input, are to be predicted, bool (B, T); None: all that
            are within the data.
    """

    segments: Tensor
    scored: Tensor | None = None

    def __getitem__(self, part: slice) -> Packing:
        return Packing(self.segments[part], None if self.scored is None else self.scored[part])

    def each(self, change: Callable[[Tensor], Tensor]) -> Packing:
        """The same with every tensor changed, as by a move to a device."""
        return Packing(change(self.segments), None if self.scored is None else change(self.scored))

    @classmethod
    def joined(cls, parts: Sequence[Packing]) -> Packing:
        """Of the windows of several batches one after another."""
        scored = [part.scored for part in parts if part.scored is not None]
        return cls(torch.cat([part.segments for part in parts]), torch.cat(scored) if scored else None)


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
        packing: of windows that hold several examples, which must not see one another; None of others.
    """

    data: Tensor
    rows: range
    labels: Tensor | None = None
    weight: Tensor | None = None
    packing: Packing | None = None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, part: slice) -> Batch:
        return Batch(
            self.data[part],
            self.rows[part],
            None if self.labels is None else self.labels[part],
            None if self.weight is None else self.weight[part],
            None if self.packing is None else self.packing[part],
        )

    @classmethod
    def joined(cls, parts: Sequence[Batch], rows: range) -> Batch:
        """The examples of several batches one after another, at these places."""

        def all_of(tensors: Iterable[Tensor | None]) -> Tensor | None:
            found = [tensor for tensor in tensors if tensor is not None]
            return torch.cat(found) if found else None

        packings = [part.packing for part in parts if part.packing is not None]
        return cls(
            torch.cat([part.data for part in parts]),
            rows,
            all_of(part.labels for part in parts),
            all_of(part.weight for part in parts),
            Packing.joined(packings) if packings else None,
        )

    def to(self, device: torch.device) -> Batch:
        """The same examples on a device; of pinned memory nobody waits for the copy."""

        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """The same examples in memory from which a GPU copies by itself."""

        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The same examples with every tensor changed."""
        return replace(
            self,
            data=change(self.data),
            labels=None if self.labels is None else change(self.labels),
            weight=None if self.weight is None else change(self.weight),
            packing=None if self.packing is None else self.packing.each(change),
        )
