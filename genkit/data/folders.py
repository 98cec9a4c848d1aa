"""Pictures in files: which there are, which part and class each belongs to, how each is opened."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from genkit.core.errors import ConfigError, DataError
from genkit.data.packing import (
    listing_of,
    printable,
)
from genkit.data.splits import parts_of

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
    """

    listing: Any
    names: Sequence[str]
    part: Sequence[str] | None = None
    label: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    missing: Mapping[str, str] = MappingProxyType({})

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

    def opener(self, rows: Sequence[int]) -> Callable[[int], Image.Image]:
        return partial(_open, {row: os.path.join(self.root, self.names[row]) for row in rows})


def _open(paths: Mapping[int, str], row: int) -> Image.Image:
    return Image.open(paths[row])


# ---------------------------------------------------------------------- listing


def image_folder(data: Mapping[str, Any], paths: Mapping[str, str]) -> FilePictures:
    """A folder of pictures, with a folder for each class or without, with train/val/test or without.

    Raises:
        ConfigError: no path is given.
        DataError: there is no folder, or no picture in it.
    """
    if not data["path"]:
        raise ConfigError("data=image_folder needs data.path=FOLDER.")
    root = Path(data["path"]).expanduser()
    if not root.is_dir():
        raise DataError(
            f"{root} is {'no folder' if root.exists() else 'missing'}; give a folder of pictures."
        )
    found, missing, others = _walk(root)
    if not found:
        kinds = ", ".join(
            f"{count:,} {suffix or 'without suffix'}" for suffix, count in others.most_common(5)
        )
        raise DataError(
            f"{root} holds no picture: it has {kinds or 'no files'}; known are {' '.join(SUFFIXES)}."
        )
    names = sorted(found)
    part, label, classes = _layout(names)
    return FilePictures(root, names, listing_of(found), part, label, classes, missing)


def _walk(root: Path) -> tuple[dict[str, tuple[int, int]], dict[str, str], Counter[str]]:
    """Pictures with size and time, names that lead nowhere, and how many other files of each suffix."""
    found: dict[str, tuple[int, int]] = {}
    missing: dict[str, str] = {}
    others: Counter[str] = Counter()
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
            if entry.name.startswith((".", "__MACOSX")):
                continue
            try:
                if entry.is_dir():
                    waiting.append(name)
                elif suffix not in SUFFIXES:
                    others[suffix] += 1
                elif not entry.is_file():
                    missing[name] = "a broken link" if entry.is_symlink() else "no file"
                else:
                    about = entry.stat()
                    found[name] = (about.st_size, about.st_mtime_ns)
            except OSError as error:  # a loop of links
                missing[name] = error.strerror or "unreadable"
    return found, missing, others


def _layout(names: Sequence[str]) -> tuple[list[str] | None, np.ndarray | None, tuple[str, ...]]:
    """Parts and labels by the names of folders."""
    folders = [name.split(os.sep)[:-1] for name in names]
    parts = parts_of(names)
    if parts is not None:
        folders = [f[1:] for f in folders]
    classes = sorted({f[0] for f in folders if f})
    if not all(folders) or len(classes) < 2:
        return parts, None, ()
    number = {name: i for i, name in enumerate(classes)}
    return parts, np.array([number[f[0]] for f in folders]), tuple(printable(c) for c in classes)
