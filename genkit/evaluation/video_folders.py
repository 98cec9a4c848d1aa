"""Two folders of videos against one another: files, or folders of frames, that all have one form.

Frames, their size and their rate must agree, for what is brought to another rate moves otherwise.  What could
be pictures as well is: numbered pictures in folders are videos beside what is certainly so, or where the
extractor that is asked for is one of videos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.core.media.video import VIDEO
from genkit.core.spec import ArraySpec
from genkit.data.arrays.pictures import Form
from genkit.data.packing import printable, unreadable
from genkit.data.video.animated_pictures import is_animated
from genkit.data.video.compressed import COMPRESSED_VIDEO
from genkit.data.video.film import SAME_RATE
from genkit.data.video.film_clips import DEEP, FilmForm, Watched
from genkit.data.video.videos import Videos, video_folder
from genkit.data.video_knobs import VideoFolderKnobs
from genkit.evaluation.judging import folders_judged, seen_batches
from genkit.evaluation.subject import Found
from genkit.metrics.evidence import Seen
from genkit.metrics.extractors import AskedExtractor, Extractor
from genkit.system import storage
from genkit.system.errors import DataError
from genkit.system.progress import progress

PEEKED = 20  # files by which it is told whether most of them move
WHITE = 255  # behind transparency, as `data.background` has it
AT_ONCE = 2**24  # numbers of the clips that are read together


def compared_as_videos(real: str | Path, fake: str | Path, asked: AskedExtractor) -> bool:
    """Whether two folders are compared as videos.

    Args:
        asked: the extractor: what it is of decides, where a folder could be either.
    """
    found = [_listed(path) for path in (real, fake)]
    named = asked.name
    if not all(map(len, found)) or (named is not None and asked.made(named).axes != 3):
        return False
    return named is not None or any(map(_are_films, found))


def _listed(path: str | Path) -> Videos:
    """The videos below a folder, if nothing else that could be pictures is there; else none of them."""
    root = Path(path).expanduser()
    none = Videos(root, (), "")
    if not root.is_dir():
        return none
    try:
        found = video_folder(VideoFolderKnobs(name="", path=str(root)), {})
    except DataError:
        return none
    return none if "." in found.frames or found.missing or found.lone else found


def _are_films(videos: Videos) -> bool:
    """Whether they are files, most of which move; a still one is a video among those."""
    files = [name for name in videos.names if name not in videos.frames]
    some = files[:: max(1, len(files) // PEEKED)][:PEEKED]
    moving = [
        Path(name).suffix.lower() in COMPRESSED_VIDEO or is_animated(videos.root / name) for name in some
    ]
    return 2 * sum(moving) > len(moving)


@dataclass(frozen=True)
class WatchedFolder:
    """A folder of videos, all of which can be read.

    Attributes:
        word: by which it is given: real or fake.
        watched: what each is, in the order of their names.
    """

    word: str
    videos: Videos
    watched: tuple[Watched, ...]

    def asked(self) -> list[str]:
        """The class of each, where the folder has a folder for each class; else ""."""
        label, classes = self.videos.label, self.videos.classes
        return [""] * len(self.watched) if label is None else [classes[i] for i in label.tolist()]

    @property
    def grey(self) -> bool:
        return all(watched.grey for watched in self.watched)

    @property
    def rates(self) -> list[float]:
        """Frames a second of those whose files say so."""
        return [watched.pace.rate for watched in self.watched if watched.pace.rate and watched.pictures > 1]

    def at(self, rate: float | None) -> WatchedFolder:
        """With as many frames in those that are one picture, seen long, as that rate has."""
        paced = tuple(watched.paced(rate) for watched in self.watched)
        return WatchedFolder(self.word, self.videos, paced)

    def said(self) -> list[str]:
        """What is not used of it, and what names are taken for."""
        return [f"{self.word}= {line}" for line in self.videos.notices]


def watched_folder(word: str, path: str | Path) -> WatchedFolder:
    """The videos below a folder, each looked at.

    Raises:
        DataError: there are none, or some cannot be read; they are counted and named.
    """
    try:
        videos = video_folder(VideoFolderKnobs(name="", path=str(path)), {})
    except DataError as error:
        raise DataError(f"{word}= {error}") from None
    refused, watched = dict(videos.missing), list[Watched]()
    with progress(f"watching {word}=", len(videos)) as advance:
        for row, name in enumerate(videos.names):
            try:
                watched.append(Watched.of(videos.film(row)))
            except (OSError, ValueError) as error:
                refused[name] = storage.reason(error)
            advance(1)
    if refused:
        total = len(videos) + len(videos.missing)
        raise DataError(f"{word}= {unreadable(refused, total, VIDEO.many)}. Mend or remove them.")
    return WatchedFolder(word, videos, tuple(watched))


def rate_of_folders(folders: Sequence[WatchedFolder]) -> float | None:
    """Frames a second of all videos; None: no file says.

    Raises:
        DataError: they differ.
    """
    first: tuple[str, float] | None = None
    for folder in folders:
        for name, watched in zip(folder.videos.names, folder.watched, strict=True):
            if watched.pictures < 2 or not (rate := watched.pace.rate):
                continue
            said = f"{folder.word}={printable(name)}"
            first = first or (said, rate)
            if max(rate, first[1]) > min(rate, first[1]) * (1 + SAME_RATE):
                raise DataError(
                    f"{said} has {rate:.3g} frames a second, {first[0]} {first[1]:.3g}: videos of several"
                    " rates; bring them to one first."
                )
    rates = sorted(rate for folder in folders for rate in folder.rates)
    return rates[len(rates) // 2] if rates else None


def form_of_videos(folders: Sequence[WatchedFolder]) -> FilmForm:
    """The one form of all videos; one channel where all are grey.

    Raises:
        DataError: frames are of several sizes, or some videos have more of them.
    """
    first: tuple[str, tuple[int, int, int]] | None = None
    for folder in folders:
        for name, watched in zip(folder.videos.names, folder.watched, strict=True):
            said = f"{folder.word}={printable(name)}"
            form = watched.frames_at(None), watched.width, watched.height
            first = first or (said, form)
            if form != first[1]:
                raise DataError(
                    f"{said} has {_in_words(form)}, {first[0]} {_in_words(first[1])}: videos of mixed forms;"
                    " bring them to one first."
                )
    assert first is not None
    frames, width, height = first[1]
    grey = all(folder.grey for folder in folders)
    picture = Form(1 if grey else 3, height, width, background=WHITE, ranges=DEEP)
    return FilmForm(frames, 1, None, "crop", picture)


def _in_words(form: tuple[int, int, int]) -> str:
    frames, width, height = form
    return f"{frames:,} {'frame' if frames == 1 else 'frames'} of {width}×{height}"


def videos_against(
    real: str | Path, fake: str | Path, asked: AskedExtractor, device: str, say: Callable[[str], None]
) -> tuple[Found, str, str]:
    """What was measured, and digests of the contents of both folders, whatever their order and names.

    Args:
        asked: the extractor.
        say: told what is not used.

    Raises:
        ConfigError: an extractor that sees no videos.
        DataError: some cannot be read, or they have no form or rate in common.
    """
    folders = {word: watched_folder(word, path) for word, path in (("real", real), ("fake", fake))}
    rate = rate_of_folders([*folders.values()])
    folders = {word: folder.at(rate) for word, folder in folders.items()}
    form = form_of_videos([*folders.values()])
    channels, *sizes = form.shape
    videos = folders["real"].videos
    array = ArraySpec(channels, tuple(sizes), 256, videos.classes, VIDEO, rate)
    chosen = asked.made(VIDEO.extractor(array)).on(device).reading(array)
    sets = {word: seen_videos(folder, form, chosen) for word, folder in folders.items()}
    said = [line for folder in folders.values() for line in folder.said()]
    said += colours(folders, form)
    return folders_judged(sets["real"], sets["fake"], chosen, array, videos.label, said, say)


def colours(folders: Mapping[str, WatchedFolder], form: FilmForm) -> list[str]:
    """What is grey where all are compared as colour."""
    grey = {word: sum(watched.grey for watched in folder.watched) for word, folder in folders.items()}
    return [
        f"{word}= {count:,} of {len(folders[word].watched):,} videos are grey, and all are compared as colour"
        for word, count in grey.items()
        if count and form.picture.channels == 3
    ]


def seen_videos(folder: WatchedFolder, form: FilmForm, chosen: Extractor | None) -> Seen:
    """The videos as metrics see them; how far an extractor is with them is shown."""
    batches = lambda: opened_videos(folder, form)  # noqa: E731
    return seen_batches(folder.word, len(folder.watched), batches, folder.asked, chosen)


def opened_videos(folder: WatchedFolder, form: FilmForm) -> Iterator[Tensor]:
    """The videos in batches, uint8 (B, C, T, H, W).

    Raises:
        DataError: one cannot be read.
    """
    many = max(1, min(250, AT_ONCE // int(np.prod(form.shape))))
    for start in range(0, len(folder.watched), many):
        rows = range(start, min(start + many, len(folder.watched)))
        clips = np.empty((len(rows), *form.shape), np.uint8)
        for place, row in enumerate(rows):
            try:
                clips[place] = next(form.clips(folder.videos.film(row), folder.watched[row].pace))
            except (OSError, ValueError, StopIteration) as error:  # (it could be read when it was watched)
                why = storage.reason(error) if isinstance(error, OSError | ValueError) else "it is shorter"
                name = printable(folder.videos.names[row])
                raise DataError(f"{folder.word}={name} cannot be read: {why}.") from None
        yield torch.from_numpy(clips)
