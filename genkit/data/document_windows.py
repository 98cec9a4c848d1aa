"""Windows of whole documents, none of which sees another.

    [separator] document [separator] document [separator] OUTSIDE …

As an input a separator is the first token of the document that it opens, as a target the last of the one that
it ends.  Each window begins with a document and holds as many of those that follow as fit; one that is longer
than a window is cut, and what stands behind a cut is read without what stood before it.

Legend: B windows of a batch, N windows of an epoch, T tokens.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

from genkit.core.separators import completed_at, ends
from genkit.data.dataset import Packed, TokenWindows


class DocumentWindows(TokenWindows):
    """The windows of one part of a text.

    Where a document is cut moves with the epoch, as far as the window in which it ends has room: an epoch
    reads the split once, and all epochs have as many windows.

    Args:
        mark: ids of what ends a document, of which the last opens the next.
    """

    def __init__(
        self,
        tokens: np.ndarray,
        block_size: int,
        mark: np.ndarray,
        *,
        moving: bool,
        bytes: int | None = None,
        lost: str = "",
    ) -> None:
        super().__init__(tokens, block_size, moving=moving, bytes=bytes, lost=lost)
        self.mark, self._ends = mark, ends(tokens, mark)
        # The first document has no separator before it, but any other is as good.
        self._opening = int(self._ends[-1]) - 1 if len(self._ends) else 0
        bounds = list(self._bounds(0 if len(self._ends) else 1))
        self._starts, self._stops = np.array(bounds, np.int64).reshape(-1, 2).T  # of targets, (N,) each
        self._room = self._rooms()

    def _bounds(self, start: int) -> Iterator[tuple[int, int]]:
        """Where the targets of each window begin and end."""
        stops = self._ends.tolist()
        if not stops or stops[-1] < len(self.tokens):  # the last document may be without its end
            stops.append(len(self.tokens))
        while start < stops[-1]:
            last = bisect_right(stops, start + self.block_size) - 1
            stop = stops[last] if last >= 0 and stops[last] > start else start + self.block_size
            yield start, stop
            start = stop

    def _rooms(self) -> np.ndarray:
        """How far each cut behind a window can move to the left: the document ends in a later window, which
        has room for as many; 0 where no document is cut.  (N + 1,), the first before all windows."""
        cut = ~np.isin(self._stops, self._ends)
        cut[-1:] = False
        own = self.block_size - (self._stops - self._starts)
        whole = np.flatnonzero(~cut)  # windows behind which no document is cut
        last = whole[np.searchsorted(whole, np.arange(len(cut)))]
        return np.concatenate(([0], np.where(cut, np.minimum(own[last], self.block_size - 1), 0)))

    def __len__(self) -> int:
        return len(self._starts)

    def places(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
        """(B, T + 1)."""
        starts, stops = self._starts[indices], self._stops[indices]
        if self.moving:
            share = (np.random.Philox(key=[seed, epoch]).random_raw() >> 11) * 2.0**-53  # below 1
            starts = starts - (share * (self._room[indices] + 1)).astype(np.int64)
            stops = stops - (share * (self._room[indices + 1] + 1)).astype(np.int64)
        places: np.ndarray = starts[:, None] - 1 + np.arange(self.block_size + 1)
        places[places >= stops[:, None]] = len(self.tokens)
        places[places < 0] = self._opening
        return places

    def packing(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Packed:
        inputs = self.places(indices, epoch=epoch, seed=seed)[:, :-1]
        begun = completed_at(self.tokens, self.mark, inputs)
        return np.cumsum(begun, axis=1, dtype=np.int32), None

    def notices(self, part: str) -> list[str]:
        lengths = np.diff(self._ends, prepend=0, append=len(self.tokens))
        long, every = int((lengths > self.block_size).sum()), int((lengths > 0).sum())
        if not long:
            return []
        return [
            f"{part} has {long:,} of {every:,} documents that are longer than model.block_size="
            f"{self.block_size} tokens, up to {int(lengths.max()):,}: they are cut, and read on without what"
            " stood before the cut."
        ]
