"""Pictures in files: which there are, which part and class each belongs to, how each is opened."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from genkit.core.media.image import IMAGE
from genkit.core.media.medium import Medium
from genkit.data.dataset_knobs import FolderKnobs
from genkit.data.packing import (
    listing_of,
    printable,
)
from genkit.data.splits import parts_by_folder
from genkit.system.errors import ConfigError, DataError
from genkit.system.paths import sought

COMMON = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff")
SUFFIXES = (*COMMON, ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".jp2", ".avif")


class Pictures(ABC):
    """Pictures that can be opened one by one, here or in another process.

    Attributes:
        listing: plain values that change when the pictures do.
        names: what each is called, for messages.
        part: of each, "" where the source has no parts; None where none has.
        label: of each, int64 (N,), or None.
        classes: names of the labels.
        missing: names that lead to no picture, and why.
        notices: what is not used, and what names are taken for.
        medium: what a picture is.
    """

    listing: Any
    names: Sequence[str]
    part: Sequence[str] | None = None
    label: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    missing: Mapping[str, str] = MappingProxyType({})
    notices: Sequence[str] = ()
    medium: Medium = IMAGE

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def opener(self, rows: Sequence[int]) -> Callable[[int], Image.Image]:
        """A function that opens one of these pictures by its row, and that other processes can be sent.

        It raises OSError or ValueError for a picture that cannot be read.
        """


@dataclass
class FilePictures(Pictures):
    """Pictures in files below a folder."""

    root: Path
    names: Sequence[str]
    listing: Any
    part: Sequence[str] | None = None
    label: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()
    unused: str = ""  # which other files there are

    def opener(self, rows: Sequence[int]) -> Callable[[int], Image.Image]:
        return partial(_open, {row: os.path.join(self.root, self.names[row]) for row in rows})


def _open(paths: Mapping[int, str], row: int) -> Image.Image:
    return Image.open(paths[row])


# ---------------------------------------------------------------------- listing


def image_folder(data: FolderKnobs, paths: Mapping[str, str]) -> FilePictures:
    """A folder of pictures, with a folder for each class or without, with train/val/test or without.

    Raises:
        ConfigError: no path is given.
        DataError: there is no folder, or no picture in it.
    """
    if not data.path:
        raise ConfigError("data=image_folder needs data.path=FOLDER.")
    root = Path(data.path).expanduser()
    found, missing, others = found_files(root, SUFFIXES, "picture", "give a folder of pictures")
    names = sorted(found)
    part, label, classes, said = layout(names, root)
    if unused := not_used(others, f"{len(names):,} pictures"):
        said.insert(0, unused)
    return FilePictures(root, names, listing_of(found), part, label, classes, missing, said, unused)


def found_files(
    root: Path, suffixes: Sequence[str], one: str, advice: str
) -> tuple[dict[str, tuple[int, int]], dict[str, str], dict[str, list[str]]]:
    """As `walk` has it, of a folder that holds what is wanted.

    Args:
        one: what is wanted, in the singular.
        advice: what to do where there is no folder.

    Raises:
        DataError: there is no folder, or no such file in it.
    """
    if not root.is_dir():
        raise DataError(f"{root} is {'no folder' if root.exists() else 'missing'}; {advice}.{sought(root)}")
    found, missing, others = walk(root, suffixes)
    if not found:
        kinds, known = others_listed(others, 0), " ".join(suffixes)
        raise DataError(f"{root} holds no {one}: it has {kinds or 'no files'}; known are {known}.")
    return found, missing, others


def not_used(others: Mapping[str, Sequence[str]], used: str) -> str:
    """Which files there are beside what is used; "" where there are none."""
    count = sum(map(len, others.values()))
    return f"{count:,} files beside {used} are not used: {others_listed(others)}" if count else ""


def others_listed(others: Mapping[str, Sequence[str]], named: int = 3) -> str:
    """How many files there are of each suffix, and some of their names."""
    ordered = sorted(others.items(), key=lambda item: (-len(item[1]), item[0]))
    listed = []
    for suffix, names in ordered[:5]:
        some = ", ".join(map(printable, sorted(names)[:named])) + (", …" if len(names) > named else "")
        listed.append(f"{len(names):,} {suffix or 'without suffix'}" + (f" ({some})" if named else ""))
    return ", ".join(listed) + (f", and {len(ordered) - 5} more kinds" if len(ordered) > 5 else "")


def walk(
    root: Path, suffixes: Sequence[str]
) -> tuple[dict[str, tuple[int, int]], dict[str, str], dict[str, list[str]]]:
    """Files of these suffixes with size and time, names that lead nowhere, and others by their suffix."""
    found: dict[str, tuple[int, int]] = {}
    missing: dict[str, str] = {}
    others: dict[str, list[str]] = {}
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            here = os.stat(root / folder)
            if (here.st_dev, here.st_ino) in seen:  # a link to a folder above
                continue
            seen.add((here.st_dev, here.st_ino))
            entries = list(os.scandir(root / folder))
        except OSError as error:
            missing[folder] = f"folder: {error.strerror}"
            continue
        for entry in entries:
            name = f"{folder}{os.sep}{entry.name}" if folder else entry.name
            suffix = os.path.splitext(entry.name)[1].lower()
            if entry.name.startswith(("._", ".DS_Store", "__MACOSX")):  # not of the user's making
                continue
            if entry.name.startswith("."):
                if suffix in suffixes:
                    others.setdefault(f"hidden {suffix}", []).append(name)
                continue
            try:
                if entry.is_dir():
                    waiting.append(name)
                elif suffix not in suffixes:
                    others.setdefault(suffix, []).append(name)
                elif not entry.is_file():
                    missing[name] = "a broken link" if entry.is_symlink() else "no file"
                else:
                    about = entry.stat()
                    found[name] = (about.st_size, about.st_mtime_ns)
            except OSError as error:  # a loop of links
                missing[name] = error.strerror or "unreadable"
    return found, missing, others


def layout(
    names: Sequence[str], root: Path, many: str = "pictures"
) -> tuple[list[str] | None, np.ndarray | None, tuple[str, ...], list[str]]:
    """Parts and labels by the names of folders, and what they were taken for where one may wonder."""
    folders = [name.split(os.sep)[:-1] for name in names]
    parts, kinds, said = parts_by_folder([f[0] if f else "" for f in folders])
    if parts is not None:
        folders = [f[1:] or ([kind] if kind else []) for f, kind in zip(folders, kinds, strict=True)]
    classes = sorted({f[0] for f in folders if f})
    stray = [name for name, f in zip(names, folders, strict=True) if not f]
    if len(classes) < 2:
        if classes and parts is None and not stray and any(len(f) > 1 for f in folders):
            said.append(
                f"all {many} are below {printable(classes[0])}, so there are no classes; give"
                f" data.path={root / printable(classes[0])} to have its folders as classes"
            )
        return parts, None, (), said
    if stray:
        shown = ", ".join(map(printable, stray[:3])) + (", …" if len(stray) > 3 else "")
        said.append(
            f"{len(stray):,} of {len(names):,} {many} are in none of the {len(classes):,} folders of"
            f" classes ({shown}), so there are no labels; move them into one, or away"
        )
        return parts, None, (), said
    number = {name: i for i, name in enumerate(classes)}
    labels = np.array([number[f[0]] for f in folders])
    return parts, labels, tuple(printable(c) for c in classes), said
