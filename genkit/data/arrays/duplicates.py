"""Which images repeat others: exactly, or nearly (scaled, compressed or retouched copies).

Two images are nearly the same where their difference hashes (`genkit.data.arrays.pictures.hashes`) differ in
at most 6 of 64 bits and their grey values by less than 10 of 255 on average (root mean square).  The hash
finds the candidates; the values decide, for small drawings such as digits often share a hash.  (Grey values:
compression is coarse with colours.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from genkit.data.arrays.pictures import hashes
from genkit.data.packing import open_array, packed
from genkit.system.progress import progress

BITS = 6  # of the 64 that may differ
# Only pictures with one of these bands of bits (first, width) in common are compared.  Six differing bits
# leave one of the seven narrow bands alone; in a large set the wide ones keep the comparisons apart.
BANDS = (*((16 * i, 16) for i in range(4)), *((9 * i, 9) for i in range(7)))
NEIGHBOURS = 50  # compared with each image in a band, in the order of their hashes
CLOSE = 10.0  # root mean square difference, of 255
AT_ONCE = 2**22  # numbers of the images that are compared at once
_COUNTS = np.array([bin(i).count("1") for i in range(2**16)], np.uint8)


def hashes_of(images: np.ndarray, contents: str, levels: int, cache_dir: str) -> np.ndarray:
    """Both hashes of every image, uint64 (N, 2), computed once for each digest of contents."""

    def build(folder: Path) -> dict[str, object]:
        with progress("comparing images", len(images)) as advance:
            numbers = compared(images, levels, advance)
        np.save(folder / "hashes.npy", numbers)
        return {"name": "hashes", "digest": contents}

    folder, _ = packed(cache_dir, "hashes", {"contents": contents}, build)
    return open_array(folder / "hashes.npy")


def compared(images: np.ndarray, levels: int, advance: Callable[[int], None] = lambda n: None) -> np.ndarray:
    """Both hashes of every image, uint64 (N, 2), some at a time.

    Args:
        advance: called with how many more are done.
    """
    numbers = np.empty((len(images), 2), np.uint64)
    step = max(1, AT_ONCE // int(np.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        block = images[start : start + step]
        # (Of 16 bits all count: quiet sounds that differ are the same in 8.)
        numbers[start : start + step] = hashes(block if levels > 256 else as_8_bits(block, levels))
        advance(len(block))
    return numbers


def as_8_bits(images: np.ndarray, levels: int) -> np.ndarray:
    """Levels scaled to 0 … 255."""
    return images if levels == 256 else np.round(images * (255 / (levels - 1))).astype(np.uint8)


def exact_pairs(numbers: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(row, earlier row with the same values) for every repeated row, (P, 2); earlier in the order given."""
    _, first, group = np.unique(numbers[rows, 0], return_index=True, return_inverse=True)
    repeated = np.flatnonzero(first[group] != np.arange(len(rows)))
    return np.stack((rows[repeated], rows[first[group[repeated]]]), axis=1)


def near_pairs(images: np.ndarray, numbers: np.ndarray, rows: np.ndarray, levels: int) -> np.ndarray:
    """Pairs of rows that look the same, (P, 2), each pair once, the later row (in the order given) first."""
    looks = np.asarray(numbers[rows, 1])
    found: list[np.ndarray] = [np.empty((0, 2), np.int64)]
    for first, width in BANDS:
        key = (looks >> np.uint64(first)) & np.uint64(2**width - 1)
        order = np.lexsort((looks, key))
        for offset in range(1, min(NEIGHBOURS, len(rows) - 1) + 1):
            pairs = np.stack((order[offset:], order[:-offset]), axis=1)
            pairs = pairs[key[pairs[:, 0]] == key[pairs[:, 1]]]
            if not len(pairs):
                break
            found.append(pairs[_differing_bits(looks[pairs[:, 0]], looks[pairs[:, 1]]) <= BITS])
    candidates = np.unique(-np.sort(-np.concatenate(found), axis=1), axis=0)  # the later row first
    copies: np.ndarray = rows[candidates[_close(images, rows[candidates], levels)]]
    return copies


def _differing_bits(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    different = np.ascontiguousarray(left ^ right)
    counts: np.ndarray = _COUNTS[different.view(np.uint16).reshape(-1, 4)].sum(1)
    return counts


def _close(images: np.ndarray, pairs: np.ndarray, levels: int) -> np.ndarray:
    """Which pairs of rows (P, 2) differ little, bool (P,)."""
    step = max(1, 2**22 // int(np.prod(images.shape[1:])))
    close = np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), step):
        part = pairs[start : start + step]
        one, other = (as_8_bits(images[part[:, side]], levels).mean(1, np.float32) for side in (0, 1))
        places = tuple(range(1, one.ndim))
        close[start : start + step] = np.square(one - other).mean(places) < CLOSE**2
    return close


def repeated(images: np.ndarray, numbers: np.ndarray, rows: np.ndarray, levels: int, kind: str) -> np.ndarray:
    """Rows to leave out so that none repeats another that stays; those that come first stay.

    Args:
        rows: in the order of precedence.
        kind: "exact" or "near" (which includes exact).
    """
    pairs = exact_pairs(numbers, rows).tolist()
    if kind == "near":
        pairs += near_pairs(images, numbers, rows, levels).tolist()
    place = {row: i for i, row in enumerate(rows.tolist())}
    earlier: dict[int, list[int]] = {}
    for row, other in pairs:
        earlier.setdefault(row, []).append(other)
    out: set[int] = set()
    for row in sorted(earlier, key=place.__getitem__):
        if any(other not in out for other in earlier[row]):
            out.add(row)
    return np.array(sorted(out), np.int64)


def across(pairs: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[tuple[str, str], int]:
    """How many rows of a part are paired with one of another part, for each two parts that differ."""

    def paired(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        either = [
            pairs[np.isin(pairs[:, a], first) & np.isin(pairs[:, b], second), b] for a, b in ((0, 1), (1, 0))
        ]
        return np.unique(np.concatenate(either))

    return _of_each_two(parts, paired)


def shared(numbers: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[tuple[str, str], int]:
    """How many rows of a part have the values of one of another part, for each two parts that differ."""
    return _of_each_two(parts, lambda first, second: second[np.isin(numbers[second, 0], numbers[first, 0])])


def _of_each_two(
    parts: Mapping[str, np.ndarray], rows: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> dict[tuple[str, str], int]:
    """How many rows of a second part a comparison finds, where it finds any."""
    apart = distinct(parts)
    names = list(apart)
    pairs = [(first, second) for i, first in enumerate(names) for second in names[i + 1 :]]
    counts = {(first, second): len(rows(apart[first], apart[second])) for first, second in pairs}
    return {both: count for both, count in counts.items() if count}


def distinct(parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The parts without those that are another name of an earlier one."""
    apart: dict[str, np.ndarray] = {}
    for name, rows in parts.items():
        if not any(np.array_equal(rows, other) for other in apart.values()):
            apart[name] = rows
    return apart
