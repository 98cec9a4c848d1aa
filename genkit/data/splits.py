"""Which examples train, which select, which judge: by a named protocol, the same at every reading.

`peer` uses the parts that a source has, as published numbers do (with two parts, one is validation and
test); `three` always has three, so that what selects a model does not judge it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np

from genkit.data.packing import printable
from genkit.system.errors import ConfigError, DataError

SHARE = 0.05  # validation and test each, of a source without parts
FEWEST = 4  # examples that a distance between two samples takes (KID), where a fifth of the source has them

PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
WORDS = "|".join(word for words in PARTS.values() for word in words)
WITH_MORE = re.compile(rf"((?i:{WORDS}))(?:[-_ ]?([0-9]+|[A-Z]))?")

# Words within names of folders that somebody may mean as parts.
LIKE_PARTS = re.compile(r"(?i)(?<![a-z])(?:train(?:ing)?|test(?:ing)?)(?:set|data)?(?![a-z])")


class Stretches:
    """The part of every row, where rows come part by part: of no row by itself anything is kept.

    Args:
        counts: rows of each part, in their order.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        ends = accumulate(counts.values())
        self.rows = {part: range(end - counts[part], end) for part, end in zip(counts, ends, strict=True)}

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))

    def __getitem__(self, row: int) -> str:
        return next(part for part, own in self.rows.items() if row in own)


Parts = Sequence[str] | Stretches  # the part of every row


def parts_of(names: Sequence[str]) -> list[str] | None:
    """The part that each file belongs to by its first folder; None unless all do and some train."""
    by_word = {word: part for part, words in PARTS.items() for word in words}
    first = [name.split(os.sep)[0].lower() if os.sep in name else "" for name in names]
    parts = [by_word.get(folder, "") for folder in first]
    return parts if all(parts) and "train" in parts and len(set(parts)) > 1 else None


def parts_by_folder(folders: Sequence[str]) -> tuple[list[str] | None, list[str], list[str]]:
    """The part that each file's first folder stands for, as `parts_of` has it, and where it is called more:
    train2017 and val2017, trainA, trainB, testA and testB.

    Returns:
        Parts, or None; of each the letter (A, B) that stands behind, a class; and what should be said.
    """
    distinct = sorted(set(folders))
    matched = {folder: WITH_MORE.fullmatch(folder) for folder in distinct}
    by_word = {word: part for part, words in PARTS.items() for word in words}
    known = {f: (by_word[m[1].lower()], m[2] or "") for f, m in matched.items() if m is not None}
    parts = {part for part, _ in known.values()}
    if "train" not in parts or len(parts) < 2:
        return None, [], _alike(distinct)
    listed = ", ".join(known)
    if others := [folder for folder in distinct if folder not in known]:
        first = others[0].encode("utf-8", "backslashreplace").decode() or "the folder above"
        return (
            None,
            [],
            [
                f"the folders {listed} are read as classes and not as parts, for {first} holds pictures, too;"
                " move those into one of them, or away"
            ],
        )
    letters = sorted({more for _, more in known.values() if more.isalpha()})
    said = []
    if any(more for _, more in known.values()):
        classes = f", and {' and '.join(letters)} as classes" if len(letters) > 1 else ""
        said.append(
            f"the folders {listed} are read as parts{classes}; call them otherwise to have them as classes"
        )
    kinds = {
        folder: more if len(letters) > 1 and more in letters else "" for folder, (_, more) in known.items()
    }
    return [known[folder][0] for folder in folders], [kinds[folder] for folder in folders], said


def _alike(folders: Sequence[str]) -> list[str]:
    """What to say of folders that are read as classes, and of which some are called as parts are."""
    parts = [folder for folder in folders if LIKE_PARTS.search(folder)]
    if len(folders) < 2 or not parts:
        return []
    listed = ", ".join(printable(folder) for folder in folders[:5]) + (", …" if len(folders) > 5 else "")
    return [
        f"the folders {listed} are read as classes and not as parts; call them train, validation and test to"
        " have them as parts"
    ]


def divide(
    rows: np.ndarray,
    part: Parts | None,
    labels: np.ndarray | None,
    split: str,
    validation: int = 0,
    wholes: np.ndarray | None = None,
    whole: str = "recording",
    piece: str = "windows",
) -> tuple[dict[str, np.ndarray], str]:
    """Rows of "train", "validation" and "test", and the protocol in words.

    Args:
        rows: the usable examples, increasing.
        part: of every example, where the source has parts.
        labels: of every example; parts that are made here are balanced by them.
        split: "peer" or "three"; "speakers" is three parts, of which the source has made the test part.
        validation: examples kept for selection where the source has no part for it; 0: a share of them.
        wholes: of every example, which recording it is a window of: one that is divided as a whole, and
            counts as an example here; None: each is by itself.
        whole: what such a one is called.
        piece: what examples are of it, in the plural.

    Raises:
        ConfigError: more is to be kept than there is, or the source has a part for it.
        DataError: too few examples for three parts.
    """
    if wholes is None:
        parts, how = _divided(rows, part, labels, split, validation)
        return parts, _words(parts, how)
    own = wholes[rows]
    heads = rows[np.unique(own, return_index=True)[1]]
    parts, how = _divided(heads, part, labels, split, validation, whole, piece)
    parts = {name: rows[np.isin(own, wholes[chosen])] for name, chosen in parts.items()}
    return parts, _words(parts, f"{how}; {piece} of one {whole}, of {len(heads):,}, stay in one part")


def _divided(
    rows: np.ndarray,
    part: Parts | None,
    labels: np.ndarray | None,
    split: str,
    validation: int,
    whole: str = "",
    piece: str = "",
) -> tuple[dict[str, np.ndarray], str]:
    """Rows of each part, and how they were made.

    Args:
        whole: what they are called where they stand for many each, so that one of them is a part.
        piece: what these are called.
    """
    few = bool(whole)
    left = 1 if few else 2  # in any part that others are taken from
    least = 10 if not few else 1 if part is not None else 2 if split == "peer" else 3
    if len(rows) < least:
        what = f"{whole}s, whose {piece} stay in one part," if few else "usable examples"
        raise DataError(f"{len(rows)} {what} are too few to train and validate; give at least {least}.")
    if part is None:
        if split == "speakers":
            raise ConfigError("data.split=speakers: this data has no speakers; take three or peer.")
        share = max(1, round(SHARE * len(rows)), 0 if few else min(FEWEST, len(rows) // 5))
        if split == "peer":
            train, rest = hold_out(rows, labels, min(2 * share, len(rows) - left), left)
            parts = {"train": train, "validation": rest, "test": rest}
            return parts, "drawn once and balanced; test is the validation part"
        train, rest = hold_out(rows, labels, (validation or share) + share, left)
        selecting, test = hold_out(rest, labels, share, left=1)
        return {"train": train, "validation": selecting, "test": test}, "drawn once and balanced"
    parts = _given(part, rows)
    missing = [name for name in ("validation", "test") if name not in parts]
    if validation and "validation" in parts:
        raise ConfigError(
            f"data.validation={validation}: the data has a validation part of its own; leave it out."
        )
    if not missing:
        return parts, "the source's own parts"
    other = next((name for name in ("test", "validation") if name in parts), None)
    if split == "peer" and other and not validation:
        parts[missing[0]] = parts[other]
        return parts, f"the source's own two parts; {missing[0]} is the {other} part"
    for name in missing:
        kept = validation or max(1, min(len(parts["train"]) // 10, 10_000))
        if few and len(parts["train"]) < 2:
            raise DataError(
                f"windows of one {whole} stay in one part, and there is one to train on: give two, or a"
                f" {name} part."
            )
        parts["train"], parts[name] = hold_out(parts["train"], labels, kept, left)
    return parts, f"{' and '.join(missing)} held out of the training part, balanced"


def _given(part: Parts, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of each part that has any."""
    if isinstance(part, Stretches):
        ends = {name: np.searchsorted(rows, (own.start, own.stop)) for name, own in part.rows.items()}
        found = {name: rows[slice(*ends[name])] for name in PARTS if name in ends}
    else:
        given = np.asarray(part)[rows]
        found = {name: rows[given == name] for name in PARTS}
    return {name: own for name, own in found.items() if len(own)}


def hold_out(
    rows: np.ndarray, labels: np.ndarray | None, count: int, left: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """The rows without `count` of them, and those, drawn once for ever and in equal shares of each class.

    Raises:
        ConfigError: fewer than `left` rows would be left.
    """
    if not 0 < count <= len(rows) - left:
        raise ConfigError(
            f"data.validation={count}: there are {len(rows):,} examples; keep from 1 to {len(rows) - left:,}."
        )
    held = np.zeros(len(rows), bool)
    held[drawn(len(rows), None if labels is None else labels[rows], count)] = True
    return rows[~held], rows[held]


def drawn(total: int, labels: np.ndarray | None, count: int) -> np.ndarray:
    """`count` of `total` examples, drawn once for ever and in equal shares of each class; increasing."""
    order = np.random.Generator(np.random.Philox(0)).permutation(total)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    # Every (n / count)-th in the order of classes is a draw that is balanced to within one example.
    places = np.arange(total + 1) * count // total
    return np.sort(order[places[1:] > places[:-1]])


def mixed(total: int, labels: np.ndarray | None = None) -> np.ndarray:
    """All of `total` examples in an order drawn once for ever, in which the classes come in equal shares.

    Any stretch of it holds of each class what is due to it, to within about one example, so that its
    beginning is a fair sample of any size, and what several processes share out is fair to each.
    """
    generator = np.random.Generator(np.random.Philox(0))
    order = generator.permutation(total)
    if labels is None:
        return order
    order = order[np.argsort(labels[order], kind="stable")]
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    # Of a class of k every k-th part of the whole order has one; the shift leaves no rare class for the end.
    within = np.arange(total) - np.repeat(starts, counts)
    places = (within + np.repeat(generator.random(len(counts)), counts)) / np.repeat(counts, counts)
    return order[np.argsort(places, kind="stable")]


def _words(parts: Mapping[str, np.ndarray], how: str) -> str:
    counted = " / ".join(f"{name} {len(rows):,}" for name, rows in parts.items())
    return f"{counted}; {how}"
