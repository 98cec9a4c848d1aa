"""Videos as one array of clips, packed: each is looked at once, and written once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from genkit.data.arrays.pictures import Form, hashes
from genkit.data.packing import (
    Appended,
    check_space,
    digest_of,
    open_array,
    packed,
    printable,
    within_ceiling,
)
from genkit.data.sources import Images
from genkit.data.video.film import SAME_RATE, Film
from genkit.data.video.film_clips import DEEP, FilmForm, Watched
from genkit.data.video.videos import Videos
from genkit.data.video_knobs import VideoFolderKnobs
from genkit.system import storage
from genkit.system.errors import ConfigError, DataError
from genkit.system.progress import progress

T = TypeVar("T")
NAMED = 3  # videos that a notice names
ALONE = "it is one picture, and no video"


@dataclass(frozen=True)
class VideoSurvey:
    """What every video is.

    Attributes:
        names: of all.
        watched: by row, those that can be read.
        refused: names of the others, and why.
    """

    names: Sequence[str]
    watched: dict[int, Watched]
    refused: dict[str, str]

    def some(self, which: Iterable[int]) -> str:
        """The names of the first few."""
        rows = list(which)
        listed = ", ".join(printable(self.names[row]) for row in rows[:NAMED])
        return listed + (", …" if len(rows) > NAMED else "")

    def where(self, is_meant: Callable[[Watched], bool]) -> list[int]:
        return [row for row, watched in self.watched.items() if is_meant(watched)]

    def sizes(self) -> Counter[tuple[int, int]]:
        """(width, height), and how many have it."""
        return Counter((watched.width, watched.height) for watched in self.watched.values())

    def lengths(self, rate: float | None) -> np.ndarray:
        """Frames of each at a rate, or at its own, increasing."""
        return np.sort([watched.frames_at(rate) for watched in self.watched.values()])

    def rates(self) -> Counter[float]:
        """Frames a second of those that say so, to three digits, and how many have it."""
        known = (watched.pace.rate for watched in self.watched.values())
        return Counter(float(f"{rate:.3g}") for rate in known if rate)

    def rate(self) -> float | None:
        """The rate of all that have one, but for what a file rounds; None: they differ, or none has one."""
        rates = sorted(watched.pace.rate for watched in self.watched.values() if watched.pace.rate)
        if not rates or rates[-1] > rates[0] * (1 + SAME_RATE):
            return None
        return rates[len(rates) // 2]


def survey_videos(videos: Videos, cache_dir: str) -> VideoSurvey:
    """Watch every video, once."""

    def build(folder: Path) -> dict[str, object]:
        watched: dict[int, Watched] = {}
        refused = dict(videos.missing)
        for row, found in _each(videos, range(len(videos)), "watching videos", _moving):
            if isinstance(found, str):
                refused[videos.names[row]] = found
            else:
                watched[row] = found
        table = np.array([[row, *seen.numbers()] for row, seen in watched.items()], np.float64)
        np.save(folder / "watched.npy", table.reshape(-1, 1 + Watched.COLUMNS))
        return {"refused": refused}

    key = {"listing": videos.listing, "missing": dict(videos.missing)}
    folder, about = packed(cache_dir, "watched", key, build)
    table = np.asarray(open_array(folder / "watched.npy")).tolist()
    watched = {int(row): Watched.from_numbers(numbers) for row, *numbers in table}
    return VideoSurvey(videos.names, watched, about["refused"])


def _moving(row: int, film: Film) -> Watched:
    watched = Watched.of(film)
    if watched.pictures < 2:
        raise ValueError(ALONE)
    return watched


def form_of_films(name: str, seen: VideoSurvey, data: VideoFolderKnobs) -> FilmForm:
    """The form of all clips, by the configuration and what videos have in common.

    Raises:
        ConfigError: they have no rate or no length in common, and none is given, or none is long enough.
        DataError: they have no size in common, and it is not said how they are brought to one.
    """
    if data.rate is None and seen.rate() is None and seen.rates():
        rates = seen.rates().most_common()
        listed = ", ".join(f"{rate:g} ({count:,})" for rate, count in rates[:5])
        more = f" and {len(rates) - 5} more" if len(rates) > 5 else ""
        raise ConfigError(
            f"data={name}: frames a second differ, {listed}{more}; set data.rate={rates[0][0]:g}."
        )
    alone = all(watched.grey for watched in seen.watched.values())
    picture = _picture(seen, data, data.channels or (1 if alone else 3))
    form = FilmForm(1, data.stride, data.rate, data.cut, picture)
    lengths = {row: form.taken(watched.frames_at(data.rate)) for row, watched in seen.watched.items()}
    ordered = sorted(lengths.values())
    middle = ordered[len(ordered) // 2]
    if data.frames is None and (ordered[0] < ordered[-1] or data.cut == "windows"):
        raise ConfigError(
            f"data={name}: videos have {ordered[0]:,} to {ordered[-1]:,} frames, half of them {middle:,} or"
            f" more; set data.frames, such as data.frames={max(2, min(middle, 16))}."
        )
    frames = data.frames or middle
    if frames < 2:
        raise ConfigError(f"data.stride={data.stride}: one frame of each video is left; set less.")
    if frames > ordered[-1]:
        longest = max(lengths, key=lengths.__getitem__)
        every = f", every {data.stride} of them" if data.stride > 1 else ""
        raise ConfigError(
            f"data.frames={frames}: no video has as many, the longest {ordered[-1]:,}{every}"
            f" ({printable(seen.names[longest])}); set {max(2, ordered[-1]):,} or fewer."
        )
    return FilmForm(frames, data.stride, data.rate, data.cut, picture)


def _picture(seen: VideoSurvey, data: VideoFolderKnobs, channels: int) -> Form:
    """The form of every frame.

    Raises:
        DataError: sizes differ, or another shape is asked for, and it is not said what becomes of that.
    """
    sizes = seen.sizes().most_common()
    (width, height), _ = sizes[0]
    if data.size is not None:
        height, width = (data.size, data.size) if isinstance(data.size, int) else data.size
    elif len(sizes) > 1:
        raise DataError(
            f"the videos have {len(sizes)} sizes: {sizes_listed(sizes)}. Say"
            f" data.size=[{height},{width}] and, for other shapes, how with data.fit=crop, pad or stretch."
        )
    other = [(w, h) for (w, h), _ in sizes if w * height != h * width]
    if data.fit is None and other:
        raise DataError(
            f"videos of {other[0][0]}×{other[0][1]} become {width}×{height}: say how with data.fit=crop, pad"
            " or stretch."
        )
    return Form(channels, height, width, data.fit or "stretch", data.background, DEEP)


def sizes_listed(sizes: Sequence[tuple[tuple[int, int], int]]) -> str:
    """The sizes in words."""
    shown = ", ".join(f"{w}×{h} ({count:,})" for (w, h), count in sizes[:6])
    return shown + (f" and {len(sizes) - 6} more" if len(sizes) > 6 else "")


def packed_videos(name: str, videos: Videos, data: VideoFolderKnobs, cache_dir: str) -> Images:
    """Videos in one form; those that cannot be read are left out, if the configuration says so.

    Raises:
        DataError: some cannot be read, or are too short, and `data.on_bad` or `data.max_bad` forbids it.
        ConfigError: they have no form in common.
    """
    seen = survey_videos(videos, cache_dir)
    total = len(videos) + len(videos.missing)
    within_ceiling(seen.refused, total, data, videos.medium.many)
    form = form_of_films(name, seen, data)
    short = {
        videos.names[row]: f"it has {frames:,} frames, and data.frames={form.frames} asks for more"
        for row, watched in seen.watched.items()
        if (frames := form.taken(watched.frames_at(form.rate))) < form.frames
    }

    def build(folder: Path) -> dict[str, object]:
        refused = seen.refused | short
        within_ceiling(refused, total, data, videos.medium.many)
        rows = [row for row in sorted(seen.watched) if videos.names[row] not in refused]
        count = sum(form.count(seen.watched[row].frames_at(form.rate)) for row in rows)
        check_space(folder, count * (int(np.prod(form.shape)) + 24))
        of: list[int] = []
        numbers: list[np.ndarray] = []

        def clips(row: int, film: Film) -> Iterator[np.ndarray]:
            return form.clips(film, seen.watched[row].pace)

        with closing(Appended(folder / "clips.npy", np.uint8)) as target:
            for row, found in _each(videos, rows, "packing videos", clips):
                if isinstance(found, str):
                    refused[videos.names[row]] = found
                    continue
                try:
                    for clip in found:
                        target.append(clip.reshape(-1))
                        numbers.append(hashes(clip[None]))
                        of.append(row)
                except (OSError, ValueError) as error:  # (it could be read when it was watched)
                    refused[videos.names[row]] = storage.reason(error)
        within_ceiling(refused, total, data, videos.medium.many)
        np.save(folder / "of.npy", np.array(of, np.int64))
        np.save(folder / "hashes.npy", np.concatenate(numbers))
        about = {"name": name, "form": asdict(form), "refused": refused, "clips": len(of)}
        return {**about, "digest": digest_of(folder, ["clips.npy"]), "digest_of": ["clips.npy"]}

    key = {"listing": videos.listing, "missing": dict(videos.missing), "form": asdict(form)}
    folder, about = packed(cache_dir, name, key, build)
    of = np.asarray(open_array(folder / "of.npy"))
    notices = within_ceiling(about["refused"], total, data, videos.medium.many)
    notices += [f"{name}: {line}." for line in (*videos.notices, *remarks(seen, form))]
    first = {row: place for place, row in reversed(list(enumerate(of.tolist())))}
    rate = form.rate or seen.rate()
    return Images(
        open_array(folder / "clips.npy").reshape(-1, *form.shape),
        None if videos.label is None else videos.label[of],
        classes=videos.classes,
        part=None if videos.part is None else [videos.part[row] for row in of],
        names=[_called(videos.names[row], i - first[row], form) for i, row in enumerate(of.tolist())],
        hashes=open_array(folder / "hashes.npy"),
        digest=about["digest"],
        notices=tuple(notices),
        groups=of if form.cut == "windows" else None,
        whole="video",
        medium=videos.medium,
        rate=None if rate is None else round(rate / form.stride, 3),
    )


def remarks(seen: VideoSurvey, form: FilmForm) -> list[str]:
    """What a training on these videos should know."""
    said, total = [], len(seen.watched)
    width, height = form.picture.width, form.picture.height
    colour = form.picture.channels == 3
    kinds = {
        "are still, all frames of each are the same": seen.where(lambda watched: watched.still),
        "have frames seen for various times: they are looked at at even times": seen.where(
            lambda watched: not watched.pace.even
        ),
        "say nothing of time: each picture is a frame": seen.where(
            lambda watched: not watched.pace.unit and (form.rate is not None or seen.rate() is not None)
        ),
        "are transparent and are laid on the background": seen.where(lambda watched: watched.transparent),
        "are grey among colour" if colour else "of colour become grey": seen.where(
            lambda watched: watched.grey is colour
        ),
        f"are smaller than {width}×{height} and are enlarged": seen.where(
            lambda watched: watched.width < width or watched.height < height
        ),
    }
    if form.rate is not None:
        kinds[f"are brought to {form.rate:g} frames a second"] = seen.where(
            lambda watched: watched.frames_at(form.rate) != watched.frames
        )
    for what, rows in kinds.items():
        if rows:
            said.append(f"{len(rows):,} of {total:,} videos {what}: {seen.some(rows)}")
    longer = seen.where(lambda watched: form.taken(watched.frames_at(form.rate)) > form.frames)
    if longer:
        what = "are cut" if form.cut == "crop" else "are cut into windows"
        said.append(f"{len(longer):,} of {total:,} videos are longer than {form.frames:,} frames and {what}")
    return said


def _each(
    videos: Videos, rows: Sequence[int], what: str, work: Callable[[int, Film], T]
) -> Iterator[tuple[int, T | str]]:
    """(row, what the work returns of it), or why it cannot be read."""
    with progress(what, len(rows)) as advance:
        for row in rows:
            try:
                yield row, work(row, videos.film(row))
            except (OSError, ValueError) as error:
                yield row, storage.reason(error)
            except MemoryError:
                yield row, "too large for the memory"
            advance(1)


def _called(name: str, window: int, form: FilmForm) -> str:
    return f"{name} [{window}]" if form.cut == "windows" else name
