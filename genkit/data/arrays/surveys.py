"""What the headers of pictures say: sizes, modes, which move, which cannot be read; looked at once."""

from __future__ import annotations

import os
import struct
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from genkit.data.arrays.folders import Pictures
from genkit.data.arrays.pictures import DEEP, deep_kind, is_moving, measure
from genkit.data.arrays.ranges import Extent
from genkit.data.packing import open_array, packed, printable
from genkit.system.progress import progress

ROWS = 256  # pictures that a process takes at once
HEADERS_HERE = 20_000  # not worth starting processes for
# Decoders of damaged files raise whatever they stumble over.
DAMAGE = (OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, EOFError, struct.error)
SHOWN = 3  # names of a kind


@dataclass(frozen=True)
class Look:
    """What the headers say, and how far the values of deep pictures go.

    Attributes:
        names: of the pictures.
        sizes: width and height of each picture upright, (N, 2); 0 where it cannot be read.
        kinds: of each, the number of its mode in `modes`, (N,); -1 where it cannot be read.
        modes: how many there are of each of Pillow's modes.
        moving: whether each has further pictures behind its first, bool (N,).
        deep: smallest and largest value of the pictures of each deep kind (see `deep_kind`), of all of them.
        refused: reason by name.
    """

    names: Sequence[str]
    sizes: np.ndarray
    kinds: np.ndarray
    modes: Mapping[str, int]
    moving: np.ndarray
    deep: Mapping[str, tuple[float, float]]
    refused: Mapping[str, str]

    def common(self) -> list[tuple[tuple[int, int], int]]:
        """(width, height) and how many pictures have it, most frequent first."""
        read = self.sizes[self.readable]
        sizes, counts = np.unique(read, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [((int(sizes[i][0]), int(sizes[i][1])), int(counts[i])) for i in order]

    def histogram(self) -> str:
        """The sizes in words."""
        common = self.common()
        shown = ", ".join(f"{w}×{h} ({count:,})" for (w, h), count in common[:6])
        return shown + (f" and {len(common) - 6} more" if len(common) > 6 else "")

    @property
    def readable(self) -> np.ndarray:
        """Whether each could be read, bool (N,)."""
        return self.sizes[:, 0] > 0

    def of(self, modes: set[str]) -> np.ndarray:
        """Whether each has one of these modes, bool (N,)."""
        return np.isin(self.kinds, [i for i, mode in enumerate(self.modes) if mode in modes])

    def some(self, which: np.ndarray) -> str:
        """The names of the first few of those that are meant, bool (N,)."""
        rows = np.flatnonzero(which)
        listed = ", ".join(printable(self.names[row]) for row in rows[:SHOWN])
        return listed + (", …" if len(rows) > SHOWN else "")


def look_at(pictures: Pictures, cache_dir: str) -> Look:
    """Read every header, once."""

    def build(folder: Path) -> dict[str, object]:
        seen = look(pictures)
        for name in ("sizes", "kinds", "moving"):
            np.save(folder / f"{name}.npy", getattr(seen, name))
        modes = [list(item) for item in seen.modes.items()]
        return {"modes": modes, "deep": dict(seen.deep), "refused": dict(seen.refused)}

    # No path in the key: a folder may move.
    folder, about = packed(cache_dir, "look", {"listing": pictures.listing}, build)
    sizes, kinds, moving = (np.asarray(open_array(folder / f"{n}.npy")) for n in ("sizes", "kinds", "moving"))
    deep = {kind: (low, high) for kind, (low, high) in about["deep"].items()}
    return Look(pictures.names, sizes, kinds, dict(about["modes"]), moving, deep, about["refused"])


def look(pictures: Pictures) -> Look:
    """As `look_at`, now."""
    sizes = np.zeros((len(pictures), 2), np.int32)
    kinds = np.full(len(pictures), -1, np.int16)
    moving = np.zeros(len(pictures), bool)
    modes: Counter[str] = Counter()
    deep: dict[str, dict[bool, Extent]] = {}
    refused = dict(pictures.missing)
    found: dict[int, str] = {}
    with progress("looking at pictures", len(pictures)) as advance:
        for rows, answers in spread(_measure_rows, pictures, range(len(pictures)), HEADERS_HERE):
            for row, answer in zip(rows, answers, strict=True):
                if isinstance(answer, str):
                    refused[pictures.names[row]] = answer
                    continue
                width, height, mode, moving[row], extent = answer
                sizes[row] = width, height
                found[row] = mode
                modes[mode] += 1
                if extent is not None:
                    own = deep.setdefault(deep_kind(mode), {})
                    own[extent.low < 0] = own.get(extent.low < 0, Extent()).joined(extent)
            advance(len(rows))
    ordered = dict(sorted(modes.items()))  # (whichever process was first)
    numbers = {mode: i for i, mode in enumerate(ordered)}
    for row, mode in found.items():
        kinds[row] = numbers[mode]
    # Those with negative values are refused, if no range is asked for, and then decide nothing.
    extents = {kind: own.get(False, own.get(True)) for kind, own in sorted(deep.items())}
    ranges = {kind: (extent.low, extent.high) for kind, extent in extents.items() if extent is not None}
    return Look(pictures.names, sizes, kinds, ordered, moving, ranges, refused)


def _measure_rows(opener: Callable[[int], Image.Image], rows: Sequence[int]) -> list[Any]:
    def one(row: int) -> tuple[int, int, str, bool, Extent | None]:
        with opener(row) as image:
            width, height, mode = measure(image)
            if mode not in DEEP:
                return width, height, mode, _moves(image), None
            extent = Extent().including(np.asarray(image))
            # Of one that is refused for its values nothing is learnt.
            return width, height, mode, _moves(image), extent if extent.finite else None

    return attempts(one, rows)


def _moves(image: Image.Image) -> bool:
    try:
        return is_moving(image)
    except DAMAGE:  # behind the first picture
        return False


def attempts(work: Callable[[int], Any], rows: Sequence[int]) -> list[Any]:
    """What the work returns for each row, or a text that says why a picture cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return [_attempt(work, row) for row in rows]


def _attempt(work: Callable[[int], Any], row: int) -> Any:
    try:
        return work(row)
    except UnidentifiedImageError:
        return "no picture that can be identified"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
    except MemoryError:
        return "too large for the memory"
    except DAMAGE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return " ".join(reason.split())[:150]


Work = Callable[[Callable[[int], Image.Image], Sequence[int]], Any]


def spread(
    work: Work, pictures: Pictures, rows: Sequence[int], alone: int
) -> Iterator[tuple[Sequence[int], Any]]:
    """(rows, work(opener, rows)) for slices of the rows, on every core.

    Args:
        alone: up to so many rows are worked on here, for starting processes takes a second.
    """
    slices = [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
    tasks = ((work, pictures.opener(part), part) for part in slices)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1 or len(rows) <= alone:
        yield from (_with_rows(*task) for task in tasks)
        return
    from joblib import Parallel, delayed

    # Processes of joblib's own kind need no guard in the user's script, and share no locks with this one.
    made = Parallel(n_jobs=cores, return_as="generator_unordered", batch_size=1)
    yield from made(delayed(_with_rows)(*task) for task in tasks)


def _with_rows(
    work: Work, opener: Callable[[int], Image.Image], rows: Sequence[int]
) -> tuple[Sequence[int], Any]:
    return rows, work(opener, rows)
