"""Chinese verse from a file, divided so that no poem is in two parts, nor in two wordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from genkit.core.knobs import DataKnobs
from genkit.data.sources import Text
from genkit.data.text.scan import code_points
from genkit.data.text.streams import read_text
from genkit.system.errors import DataError
from genkit.system.paths import sought
from genkit.system.textfiles import unix

FILE = "tang_poems.txt"
BETWEEN = "\n\n"  # two poems of the file: an empty line
END = "\x1e"  # of a poem, as a model reads it: one token, that nothing else has
SHAPE = "a poem a block of lines, an empty line between two"
PARTS = {"train": 0.9, "validation": 0.95, "test": 1.0}  # of the poems, where each part ends
FEWEST = 100  # poems: with fewer there are too few to hold out
RUN = 3  # characters
ALIKE = 0.25  # of the runs of the poem that has fewer: a line of a quatrain


def tang_poems(data: DataKnobs, paths: Mapping[str, str]) -> Text:
    """Poems of the Tang dynasty, 90/5/5 by poem, all wordings of one in the part of the first of them."""
    file = Path(paths["data_dir"]).expanduser() / FILE
    if not file.exists():
        raise DataError(
            f"{file} is missing; make it of github.com/chinese-poetry/chinese-poetry (MIT), UTF-8,"
            f" {SHAPE}, and set paths.data_dir, or GENKIT_DATA_DIR, to its folder.{sought(file)}"
        )
    poems = poems_of(read_text(file, "utf-8"))
    if len(poems) < FEWEST:
        raise DataError(
            f"{file} holds {len(poems):,} poem{'s' * (len(poems) != 1)}; give at least {FEWEST}, {SHAPE}."
        )
    divided = divided_by(wordings(poems))
    parts = {
        part: "".join(poems[row] + END for row in rows.tolist())
        for part, rows in zip(PARTS, divided, strict=True)
    }
    counted = " / ".join(f"{part} {len(rows):,}" for part, rows in zip(PARTS, divided, strict=True))
    how = f"{counted} poems, in order; those that share a line, or are one in two wordings, stay in one part"
    return Text(parts, "".join(parts.values()), how, END)


def poems_of(text: str) -> list[str]:
    """The blocks of lines between empty lines, without blanks at the ends of lines."""
    lines = [line.strip() for line in unix(text).split("\n")]
    return [block for part in "\n".join(lines).split(BETWEEN) if (block := part.strip("\n"))]


def divided_by(groups: np.ndarray) -> list[np.ndarray]:
    """The rows of each part, increasing, from the group of each row: groups in the order of their first rows,
    and whole.

    Args:
        groups: the first row of the group that each row is of, (N,).
    """
    order = np.argsort(groups, kind="stable")  # groups by their first rows, each with its rows in order
    ends = np.append(np.flatnonzero(np.diff(groups[order])) + 1, len(order))  # where a group ends
    cuts = [int(ends[np.searchsorted(ends, share * len(order))]) for share in (*PARTS.values(),)]
    return [np.sort(rows) for rows in np.split(order, cuts[:-1])]


def wordings(poems: Sequence[str]) -> np.ndarray:
    """The first row of those that each poem is like, directly or by others, int64 (N,).

    Two are alike that share a quarter of the runs of three characters, marks left out, of the shorter one: a
    poem is often handed down twice with a few other characters, or with more lines.
    """
    heads = list(range(len(poems)))

    def head(row: int) -> int:
        while heads[row] != row:
            heads[row] = heads[heads[row]]
            row = heads[row]
        return row

    for pair in alike(poems).tolist():
        first, second = sorted(map(head, pair))
        heads[second] = first
    return np.array([head(row) for row in range(len(poems))], np.int64)


def alike(poems: Sequence[str]) -> np.ndarray:
    """The pairs of rows that are alike, int64 (P, 2); memory goes with the runs that poems share."""
    runs, rows = _runs(poems)
    counts = np.bincount(rows, minlength=len(poems))
    found = [np.empty(0, np.int64)]
    for apart in range(1, len(runs)):  # equal runs stand side by side: a pair for each distance
        places = np.flatnonzero(runs[apart:] == runs[:-apart])
        if not len(places):
            break
        found.append(rows[places] * len(poems) + rows[places + apart])
    pair, shared = np.unique(np.concatenate(found), return_counts=True)
    pairs = np.stack(np.divmod(pair, len(poems)), 1)
    return np.asarray(pairs[shared >= ALIKE * counts[pairs].min(1)])


def _runs(poems: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Every run of `RUN` characters of a poem once, as a number, increasing, and whose it is, (R,) each."""
    points = code_points("".join(f"{poem}\n" for poem in poems)).astype(np.uint64)
    poem = np.repeat(np.arange(len(poems)), [len(poem) + 1 for poem in poems])
    known = np.unique(points)
    marks = known[[not chr(point).isalnum() for point in known.tolist()]]
    windows = np.lib.stride_tricks.sliding_window_view(points, RUN)
    whole = np.asarray(~np.isin(windows, marks).any(1))
    bits = np.arange(RUN, dtype=np.uint64) * np.uint64(21)  # of a code point
    keys = (windows[whole] << bits).sum(1)
    rows = poem[: len(whole)][whole]
    order = np.lexsort((rows, keys))
    keys, rows = keys[order], rows[order]
    first = np.append(True, (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1]))
    return keys[first], rows[first]
