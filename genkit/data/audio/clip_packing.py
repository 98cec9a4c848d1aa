"""Recordings as one array of clips, packed: each is heard once, and written once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from genkit.data.arrays.pictures import hashes
from genkit.data.audio.clips import CLIPPED, SILENT, ClipForm, Heard
from genkit.data.audio.recordings import Recordings
from genkit.data.clip_knobs import AudioKnobs
from genkit.data.packing import Appended, digest_of, open_array, packed, printable, within_ceiling
from genkit.data.sources import Images
from genkit.system import storage
from genkit.system.errors import ConfigError
from genkit.system.progress import progress

T = TypeVar("T")
OFFSET = 0.01  # of full scale: a mean that is no sound
NAMED = 3  # recordings that a notice names
FIELDS = ("rate", "channels", "frames", "peak", "clipped", "offset")


@dataclass(frozen=True)
class RecordingSurvey:
    """What every recording is.

    Attributes:
        names: of all.
        heard: by row, those that can be read.
        refused: names of the others, and why.
    """

    names: Sequence[str]
    heard: dict[int, Heard]
    refused: dict[str, str]

    def some(self, which: Iterable[int]) -> str:
        """The names of the first few."""
        rows = list(which)
        listed = ", ".join(printable(self.names[row]) for row in rows[:NAMED])
        return listed + (", …" if len(rows) > NAMED else "")

    def where(self, is_meant: Callable[[Heard], bool]) -> list[int]:
        return [row for row, heard in self.heard.items() if is_meant(heard)]


def survey(recordings: Recordings, cache_dir: str) -> RecordingSurvey:
    """Listen to every recording, once."""

    def build(folder: Path) -> dict[str, object]:
        heard: dict[int, Heard] = {}
        refused = dict(recordings.missing)
        for row, found in _each(recordings, range(len(recordings)), "listening", Heard.of):
            if isinstance(found, str):
                refused[recordings.names[row]] = found
            else:
                heard[row] = found
        table = np.array([[row, *asdict(found).values()] for row, found in heard.items()], np.float64)
        np.save(folder / "heard.npy", table.reshape(-1, 1 + len(FIELDS)))
        return {"refused": refused}

    folder, about = packed(cache_dir, "heard", {"listing": recordings.listing}, build)
    rows = np.asarray(open_array(folder / "heard.npy")).tolist()
    heard = {int(row): Heard(int(a), int(b), int(c), *more) for row, a, b, c, *more in rows}
    return RecordingSurvey(recordings.names, heard, about["refused"])


def form_of(name: str, seen: RecordingSurvey, data: AudioKnobs) -> ClipForm:
    """The form of all clips, by the configuration and what recordings have in common.

    Raises:
        ConfigError: they have no rate or no length in common, and none is given.
    """
    rates = Counter(heard.rate for heard in seen.heard.values())
    rate = data.rate
    if rate is None:
        if len(rates) > 1:
            listed = ", ".join(f"{rate:,} Hz ({count:,})" for rate, count in rates.most_common(5))
            raise ConfigError(
                f"data={name}: rates differ, {listed}; set data.rate={max(rates, key=rates.__getitem__)}."
            )
        rate = next(iter(rates))
    length = data.length
    if length is None:
        lengths = Counter(heard.samples(rate) for heard in seen.heard.values())
        if len(lengths) > 1 or data.trim is not None:
            ordered = sorted(lengths.elements())
            middle = ordered[len(ordered) // 2]
            raise ConfigError(
                f"data={name}: recordings have {ordered[0]:,} to {ordered[-1]:,} samples, half of them"
                f" {middle:,} or more; set data.length, such as data.length={_power(middle)}."
            )
        length = next(iter(lengths))
    alone = any(heard.channels < 2 for heard in seen.heard.values())
    channels = data.channels or (1 if alone else 2)
    return ClipForm(rate, length, channels, data.fit, data.normalise == "peak", data.trim)


def packed_clips(name: str, recordings: Recordings, data: AudioKnobs, cache_dir: str) -> Images:
    """Recordings in one form; those that cannot be read are left out, if the configuration says so.

    Raises:
        DataError: some cannot be read and `data.on_bad` or `data.max_bad` forbids it.
        ConfigError: they have no form in common.
    """
    seen = survey(recordings, cache_dir)
    total = len(recordings) + len(recordings.missing)
    within_ceiling(seen.refused, total, data, "recordings")
    form = form_of(name, seen, data)

    def build(folder: Path) -> dict[str, object]:
        rows = sorted(seen.heard)
        of: list[int] = []
        refused = dict(seen.refused)
        numbers: list[np.ndarray] = []
        with closing(Appended(folder / "clips.npy", np.uint16)) as target:
            for row, found in _each(recordings, rows, "packing recordings", form.clips):
                if isinstance(found, str):
                    refused[recordings.names[row]] = found
                    continue
                try:
                    for clip in found:
                        target.append(clip.reshape(-1))
                        numbers.append(hashes(clip[None]))
                        of.append(row)
                except (OSError, ValueError) as error:  # (it could be read when it was listened to)
                    refused[recordings.names[row]] = storage.reason(error)
        within_ceiling(refused, total, data, "recordings")
        np.save(folder / "of.npy", np.array(of, np.int64))
        np.save(folder / "hashes.npy", np.concatenate(numbers))
        about = {"name": name, "form": asdict(form), "refused": refused, "clips": len(of)}
        return {**about, "digest": digest_of(folder, ["clips.npy"]), "digest_of": ["clips.npy"]}

    key = {"listing": recordings.listing, "form": asdict(form)}
    folder, about = packed(cache_dir, name, key, build)
    of = np.asarray(open_array(folder / "of.npy"))
    clips = open_array(folder / "clips.npy").reshape(-1, form.channels, form.length)
    notices = within_ceiling(about["refused"], total, data, "recordings")
    notices += [f"{name}: {line}." for line in (*recordings.notices, *remarks(seen, form))]
    first = {row: int(i) for i, row in reversed(list(enumerate(of.tolist())))}
    return Images(
        clips,
        None if recordings.label is None else recordings.label[of],
        2**16,
        recordings.classes,
        None if recordings.part is None else [recordings.part[row] for row in of],
        recordings.protocol,
        names=[_called(recordings.names[row], i - first[row], form) for i, row in enumerate(of.tolist())],
        hashes=open_array(folder / "hashes.npy"),
        digest=about["digest"],
        notices=tuple(notices),
        groups=of if form.fit == "windows" else None,
        medium=recordings.medium,
        rate=float(form.rate),
    )


def remarks(seen: RecordingSurvey, form: ClipForm) -> list[str]:
    """What a training on these recordings should know."""
    said, total = [], len(seen.heard)
    kinds = {
        "are silent": seen.where(lambda heard: heard.peak < SILENT),
        "are clipped (samples at full scale)": seen.where(lambda heard: heard.clipped > CLIPPED),
        "are not around 0 (a DC offset)": seen.where(lambda heard: abs(heard.offset) > OFFSET),
        f"are brought to {form.rate:,} Hz": seen.where(lambda heard: heard.rate != form.rate),
        "have several channels, which are mixed": seen.where(lambda heard: heard.channels > form.channels),
        "go beyond full scale and are clipped, which data.normalise=peak mends": seen.where(
            lambda heard: heard.peak > 1 and not form.peak
        ),
    }
    for what, rows in kinds.items():
        if rows:
            said.append(f"{len(rows):,} of {total:,} recordings {what}: {seen.some(rows)}")
    samples = {row: heard.samples(form.rate) for row, heard in seen.heard.items()}
    longer = sum(1 for count in samples.values() if count > form.length)
    shorter = sum(1 for count in samples.values() if count < form.length)
    if longer:
        what = "are cut" if form.fit == "crop" else "are cut into windows"
        said.append(f"{longer:,} of {total:,} recordings are longer than {form.length:,} samples and {what}")
    if shorter:
        said.append(f"{shorter:,} of {total:,} are shorter and end in silence")
    return said


def _each(
    recordings: Recordings, rows: Sequence[int], what: str, work: Callable[..., T]
) -> Iterator[tuple[int, T | str]]:
    """(row, what the work returns of it), or why it cannot be read."""
    with progress(what, len(rows)) as advance:
        for row in rows:
            try:
                yield row, work(recordings.recording(row))
            except (OSError, ValueError) as error:
                yield row, storage.reason(error)
            except MemoryError:
                yield row, "too large for the memory"
            advance(1)


def _called(name: str, window: int, form: ClipForm) -> str:
    return f"{name} [{window}]" if form.fit == "windows" else name


def _power(length: int) -> int:
    """The power of two next above."""
    return 1 << (length - 1).bit_length()
