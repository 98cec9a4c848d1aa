"""Prompts and answers as windows of tokens that hold whole examples, none of which sees another.

    [separator] example [separator] example [separator] OUTSIDE …

As an input a separator is the first token of the example that it opens, as a target the last of the one that
it ends.  What is learnt is the answers, and the end of each.

Legend: B windows, T tokens, M examples in all of B windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genkit.core.pairs import Pair, Turn
from genkit.core.pairs.conversation import pair_of
from genkit.data.dataset import OUTSIDE, Examples, Gathered
from genkit.data.pair_packing import PackedPairs
from genkit.data.window_plan import WindowPlan

AT_ONCE = 1_024  # windows looked at at once, where all are
KEPT_EPOCHS = 2  # whose deals are kept: a batch may begin in one and end in the next


@dataclass(frozen=True)
class Fitting:
    """Which examples of a part are learnt at a context, and what is cut of them.

    Attributes:
        examples: those whose last answer fits, increasing.
        cut: tokens that each of them loses at its beginning.
        left_out: how many do not fit.
        longest: tokens of the longest of all, its separators included.
    """

    examples: np.ndarray
    cut: np.ndarray
    left_out: int
    longest: int

    @classmethod
    def of(cls, packed: PackedPairs, rows: np.ndarray, block_size: int) -> Fitting:
        """Those of some rows: a window has a separator at either end."""
        room = block_size - 1
        own = np.flatnonzero(np.isin(packed.owners, rows))
        lengths, lasts = np.diff(packed.starts)[own], packed.lasts[own]
        fit = lasts <= room
        return cls(
            own[fit],
            np.maximum(lengths[fit] - room, 0),
            int((~fit).sum()),
            int(lengths.max(initial=0)) + 2,
        )


class PairWindows(Examples):
    """The windows of one part.

    Args:
        packed: the conversations of all parts.
        rows: those of this part.
        fitting: which of their examples are learnt.
        block_size: T.
        moving: whether examples stand elsewhere in every epoch, as in training.
    """

    def __init__(
        self, packed: PackedPairs, rows: np.ndarray, fitting: Fitting, block_size: int, *, moving: bool
    ) -> None:
        self.packed, self.rows, self.fitting = packed, rows, fitting
        self.block_size, self.moving = block_size, moving
        self.changing = moving
        self.lost = packed.lost
        starts = np.asarray(packed.starts)
        self._starts = starts[fitting.examples] + fitting.cut
        self._lengths = starts[fitting.examples + 1] - self._starts
        self._plan = WindowPlan(self._lengths + 1, block_size)
        self._deals: dict[tuple[int, int], np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._plan)

    @property
    def answers(self) -> int:
        """Examples, of which the windows hold several each."""
        return len(self._lengths)

    # ------------------------------------------------------------------ windows

    def gather(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Gathered:
        places = self.places(indices, epoch=epoch, seed=seed)
        count = len(self.packed.tokens)
        windows = self.packed.tokens[np.minimum(places, count - 1)].astype(np.int32)
        windows[places == count] = self._separator
        windows[places > count] = OUTSIDE
        return windows, *self.labels_and_weights(indices, epoch=epoch, seed=seed)

    def table(self) -> np.ndarray | None:
        """The tokens, a separator, and what stands beyond the end of a window."""
        return np.append(self.packed.tokens.astype(np.int32), np.array([self._separator, OUTSIDE], np.int32))

    def places(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
        """(B, T + 1)."""
        held = self._held(indices, epoch, seed)
        separator, outside = len(self.packed.tokens), len(self.packed.tokens) + 1
        places = np.full((len(indices), self.block_size + 1), outside, np.int64)
        own = self._starts[held.examples] + held.within - 1
        places[held.rows, held.columns] = np.where(held.within == 0, separator, own)
        places[np.arange(len(indices)), held.ends] = separator
        return places

    def packing(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Of which of its examples each input of a window is, int32 (B, T), beyond the last one more; and
        which targets are of answers and their ends, bool (B, T)."""
        held = self._held(indices, epoch, seed)
        segments = np.repeat(held.counts[:, None].astype(np.int32), self.block_size, axis=1)
        segments[held.rows, held.columns] = held.numbers
        return segments, self._scored(held)

    def owners(self, indices: np.ndarray) -> np.ndarray:
        """The number of the example that each scored target of some windows is of, in their order, (N,)."""
        held = self._held(indices, 0, 0)
        owners = np.zeros((len(indices), self.block_size + 1), np.int64)
        owners[held.rows, held.columns] = held.examples
        # A separator as a target is of the example before it, and opens the next one as an input.
        before: np.ndarray = owners[:, :-1][self._scored(held)]
        return before

    def targets(self) -> np.ndarray:
        """The ids of all scored targets, example by example, as scores of them are, (N,)."""
        found, owners = [], []
        for start in range(0, len(self), AT_ONCE):
            indices = np.arange(start, min(start + AT_ONCE, len(self)))
            scored = self._scored(self._held(indices, 0, 0))
            found.append(self.gather(indices)[0][:, 1:][scored])
            owners.append(self.owners(indices))
        ids: np.ndarray = np.concatenate(found)[np.argsort(np.concatenate(owners), kind="stable")]
        return ids

    def labels_and_weights(
        self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        scored = self._scored(self._held(indices, epoch, seed))
        return None, scored.sum(1).astype(np.float32)

    def _scored(self, held: Filling) -> np.ndarray:
        """Which targets are of answers and their ends, bool (B, T)."""
        windows = len(held.counts)
        targets = np.zeros((windows, self.block_size + 1), bool)
        own, opens = self._starts[held.examples] + held.within - 1, held.within == 0
        answers = ~opens & (held.within > self._muted[held.examples]) & self.packed.answered[own]
        if self.packed.pairs.end == self.packed.separator:
            # A separator ends the example before it, and there is none before the first of a window.
            answers |= opens & (held.columns > 0)
            targets[np.arange(windows), held.ends] = True
        targets[held.rows, held.columns] = answers
        return targets[:, 1:]

    @cached_property
    def _separator(self) -> int:
        return int(self.packed.codec.mark(self.packed.separator)[0])

    @cached_property
    def _muted(self) -> np.ndarray:
        """Tokens of an answer whose beginning is cut off, at the beginning of each example, int64 (N,)."""
        answered, starts = self.packed.answered, self._starts
        muted = np.zeros(len(starts), np.int64)
        for place in np.flatnonzero(self.fitting.cut).tolist():
            before, own = int(starts[place]) - 1, int(self._lengths[place])
            if answered[before]:
                kept = np.flatnonzero(~answered[before + 1 : before + 1 + own])
                muted[place] = min(int(kept[0]) if len(kept) else own, own - self._lasts[place])
        return muted

    @cached_property
    def _lasts(self) -> np.ndarray:
        lasts: np.ndarray = self.packed.lasts[self.fitting.examples]
        return lasts

    def _dealt(self, epoch: int, seed: int) -> np.ndarray:
        """The example in each place of the plan, (N,)."""
        key = (epoch, seed) if self.moving else (0, 0)
        if key not in self._deals:
            for old in list(self._deals)[: max(0, len(self._deals) - KEPT_EPOCHS + 1)]:
                del self._deals[old]
            self._deals[key] = self._plan.dealt(epoch if self.moving else None, seed)
        return self._deals[key]

    def _held(self, indices: np.ndarray, epoch: int, seed: int) -> Filling:
        """What stands in some windows."""
        firsts = self._plan.bounds[indices]
        counts = self._plan.bounds[indices + 1] - firsts
        numbers = _ranges(counts)
        examples = self._dealt(epoch, seed)[np.repeat(firsts, counts) + numbers]
        sizes = self._lengths[examples] + 1  # with the separator before it
        ends = np.add.reduceat(sizes, np.cumsum(counts) - counts)
        offsets = np.cumsum(sizes) - sizes - np.repeat(np.cumsum(ends) - ends, counts)
        within = _ranges(sizes)
        rows = np.repeat(np.arange(len(indices)), counts)
        return Filling(
            np.repeat(rows, sizes),
            np.repeat(offsets, sizes) + within,
            np.repeat(examples, sizes),
            np.repeat(numbers, sizes),
            within,
            counts,
            ends,
        )

    # ------------------------------------------------------------------ what is said

    @cached_property
    def _whole(self) -> np.ndarray:
        """The rows of which nothing is cut or left out, increasing."""
        owners = np.asarray(self.packed.owners)
        whole = owners[self.fitting.examples[self.fitting.cut == 0]]
        parts = np.bincount(owners, minlength=len(self.packed.said))
        found, counts = np.unique(whole, return_counts=True)
        complete: np.ndarray = found[counts == parts[found]]
        return complete

    @property
    def questions(self) -> int:
        return len(self._whole)

    def asked(self, indices: np.ndarray) -> list[Pair]:
        return [pair_of(turns) for turns in self.conversations(indices)]

    def conversations(self, indices: np.ndarray) -> list[tuple[Turn, ...]]:
        """As `asked`, all that is said."""
        return [self.packed.said.turns(row) for row in self._whole[indices].tolist()]

    def bytes_of(self) -> int:
        """UTF-8 of all the answers that are scored."""
        sizes = np.asarray(self.packed.sizes)[self.fitting.examples]
        codec, answered = self.packed.codec, self.packed.answered
        for place in np.flatnonzero(self._several_cut).tolist():
            start, stop = (
                int(self._starts[place] + self._muted[place]),
                int(self._starts[place] + self._lengths[place]),
            )
            ids = np.asarray(self.packed.tokens[start:stop])
            runs = np.split(ids, np.flatnonzero(np.diff(answered[start:stop])) + 1)
            first = bool(answered[start])
            texts = [codec.decode(run) for number, run in enumerate(runs) if first == (number % 2 == 0)]
            ended = [text.removesuffix(self.packed.pairs.end) for text in texts]
            sizes[place] = sum(len(text.encode("utf-8", "replace")) for text in ended)
        return int(sizes.sum())

    @cached_property
    def _several_cut(self) -> np.ndarray:
        """Which examples may have lost an answer, bool (N,): those that lose a part and have several."""
        return (self.fitting.cut > 0) & self.packed.pairs.several


@dataclass(frozen=True)
class Filling:
    """What stands in some windows, of each of all their tokens but the last separators, (P,), and of each
    window, (B,).

    Attributes:
        rows, columns: the window that a token is in, and its place there.
        examples: the example that it is of, or opens.
        numbers: the number of that within the window.
        within: its place in the example; 0: the separator before it.
        counts: examples of each window.
        ends: the place of the last separator of each.
    """

    rows: np.ndarray
    columns: np.ndarray
    examples: np.ndarray
    numbers: np.ndarray
    within: np.ndarray
    counts: np.ndarray
    ends: np.ndarray


def _ranges(counts: np.ndarray) -> np.ndarray:
    """0 … n - 1 for each n, one after another."""
    ends = np.cumsum(counts)
    within: np.ndarray = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    return within
