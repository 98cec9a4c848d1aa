"""Videos in files and folders of frames: which there are, which part and class each belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genkit.core.media.medium import Medium
from genkit.core.media.video import VIDEO
from genkit.data.arrays.folders import found_files, layout, not_used
from genkit.data.packing import listing_of
from genkit.data.video.animated_pictures import is_animated
from genkit.data.video.film import Film
from genkit.data.video.film_formats import FILMS, open_film
from genkit.data.video.frame_folders import FRAMES, FrameFolder, in_order, numbered
from genkit.data.video_knobs import VideoFolderKnobs
from genkit.system import storage
from genkit.system.errors import ConfigError, DataError

EITHER = (".png", ".webp")  # one frame, or a whole film
SUFFIXES = (*FILMS, *(suffix for suffix in FRAMES if suffix not in FILMS))
PEEKED = 5  # files of a folder by which it is told which they are
Names = list[str]


@dataclass
class Videos:
    """Videos below a folder.

    Attributes:
        root: the folder.
        names: of files below it, and of folders of frames.
        listing: changes when the files do.
        frames: of each folder of frames, the names of its frames in order.
        part: of each video; None where there are none.
        label: of each, int64 (N,), or None.
        classes: names of the labels.
        missing: names that lead to no video, and why.
        notices: what is not used, and what names are taken for.
        medium: what a video is.
        lone: pictures beside them that are no frames.
    """

    root: Path
    names: Sequence[str]
    listing: str
    frames: Mapping[str, Sequence[str]] = field(default_factory=dict)
    part: Sequence[str] | None = None
    label: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()
    medium: Medium = VIDEO
    lone: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.names)

    def film(self, row: int) -> Film:
        """One of them.

        Raises:
            OSError, ValueError: it cannot be read; the reason.
        """
        name = self.names[row]
        if name in self.frames:
            return FrameFolder(self.root / name, self.frames[name])
        return open_film(self.root / name)


def video_folder(data: VideoFolderKnobs, paths: Mapping[str, str]) -> Videos:
    """A folder of videos, with a folder for each class or without, with train/val/test or without.

    Raises:
        ConfigError: no path is given.
        DataError: there is no folder, or no video in it.
    """
    if not data.path:
        raise ConfigError("data=video_folder needs data.path=FOLDER.")
    root = Path(data.path).expanduser()
    found, missing, others = found_files(root, SUFFIXES, "video", "give a folder of videos")
    there = FoldersSorted.below(root, found)
    for name in there.lone:
        others.setdefault(os.path.splitext(name)[1].lower(), []).append(name)
    missing |= there.odd
    names = sorted([*there.films, *there.frames])
    if not names and not missing:
        raise DataError(f"{root} holds no video: pictures without numbers are no frames of one.")
    part, label, classes, said = layout(names, root, VIDEO.many)
    if unused := not_used(others, f"{len(names):,} videos"):
        said.insert(0, unused)
    used = [os.path.join(folder, name) for folder, own in there.frames.items() for name in own]
    files = {name: found[name] for name in map(os.path.normpath, (*there.films, *used))}
    return Videos(
        *(root, names, listing_of(files), there.frames, part, label, classes, missing, said),
        lone=there.lone,
    )


@dataclass
class FoldersSorted:
    """What there is below a folder.

    Attributes:
        films: files of a video each.
        frames: of each folder that is a video, the names of its frames in order.
        odd: folders that are neither, and why.
        lone: pictures that are no frames.
    """

    films: Names = field(default_factory=list)
    frames: dict[str, Names] = field(default_factory=dict)
    odd: dict[str, str] = field(default_factory=dict)
    lone: Names = field(default_factory=list)

    @classmethod
    def below(cls, root: Path, files: Iterable[str]) -> FoldersSorted:
        """By the names of files that are films or pictures."""
        folders: dict[str, Names] = {}
        for name in sorted(files):
            folder, own = os.path.split(name)
            folders.setdefault(folder, []).append(own)
        above = {str(parent) for folder in folders if folder for parent in Path(folder).parents}
        found = cls()
        for folder, names in folders.items():
            found._add(root, folder or ".", names, (folder or ".") in above)
        return found

    def _add(self, root: Path, folder: str, names: Names, has_folders: bool) -> None:
        """What a folder is, by the names in it.

        Args:
            has_folders: whether there are films or pictures in folders of it, too.
        """
        films, pictures = _films_in(root / folder, names)
        several = any(len(series) > 1 for series in numbered(pictures).values())
        lone = set(pictures)
        if several and (films or has_folders):
            beside = f"{len(films):,} files of videos ({films[0]})" if films else "folders of videos"
            told = f"it holds {len(pictures):,} frames ({pictures[0]}) and {beside}"
            self.odd[folder] = f"{told}; a folder is one video, or holds some"
            return
        if pictures and not films and not has_folders:
            try:
                self.frames[folder] = in_order(pictures)
            except ValueError as error:
                self.odd[folder] = str(error)
                return
            lone -= set(self.frames[folder])
        self.films += [os.path.normpath(os.path.join(folder, name)) for name in films]
        for name in sorted(lone):
            below = os.path.normpath(os.path.join(folder, name))
            # (A damaged one may be a video: only what is seen to be a picture is left aside.)
            if reason := _why_unknown(root / below):
                self.odd[below] = reason
            else:
                self.lone.append(below)


def _films_in(folder: Path, names: Sequence[str]) -> tuple[Names, Names]:
    """Files of a folder that are films, and pictures that may be frames of one."""
    kinds = {name: os.path.splitext(name)[1].lower() for name in names}
    either = [name for name in names if kinds[name] in EITHER]
    some = either[:: max(1, len(either) // PEEKED)][:PEEKED]
    moving = any(_is_film(folder / name) for name in some)
    films = [name for name in names if kinds[name] in FILMS and (moving or kinds[name] not in EITHER)]
    chosen = set(films)
    return films, [name for name in names if name not in chosen]


def _is_film(path: Path) -> bool:
    """Whether a file that may be one frame or many has many; one that is damaged has not."""
    try:
        return is_animated(path)
    except (OSError, ValueError):
        return False


def _why_unknown(path: Path) -> str:
    """Why it cannot be told whether a file has one frame or many; "" where it can."""
    if path.suffix.lower() in EITHER:
        try:
            is_animated(path)
        except (OSError, ValueError) as error:
            return storage.reason(error)
    return ""
