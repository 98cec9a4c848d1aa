"""Rows of examples that belong together: what was known, what a model made of it, the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genkit.core.media.medium import Shown


@dataclass(frozen=True)
class ShownRows:
    """Rows of as many examples each.

    Attributes:
        rows: as their medium shows them.
        across: whether each row tells one thing, from its first example to its last; else what stands in a
            column does, of which one is made from the other.
        unknown: places of an example of which something was left open, bool (*sizes); None: nothing is said.
    """

    rows: Sequence[Shown]
    across: bool = False
    unknown: np.ndarray | None = None

    @property
    def columns(self) -> int:
        """Examples in a row."""
        return len(self.rows[0])

    @property
    def together(self) -> int:
        """Examples that tell one thing."""
        return self.columns if self.across else len(self.rows)

    @property
    def whole(self) -> Shown:
        """All examples row by row, to be laid out so."""
        arrays = np.concatenate([row.arrays for row in self.rows])
        return replace(self.rows[0], arrays=arrays, captions=self._captions, columns=self.columns)

    @property
    def _captions(self) -> list[str]:
        """Of all examples, row by row."""
        return [caption for row in self.rows for caption in row.captions or [""] * self.columns]

    @property
    def listed(self) -> Shown:
        """All examples, those that tell one thing one after another."""
        whole, table = self.whole, np.arange(len(self.rows) * self.columns).reshape(-1, self.columns)
        order = (table if self.across else table.T).flatten()
        captions = [self._captions[i] for i in order]
        return replace(whole, arrays=whole.arrays[order], captions=captions, columns=None)
