"""Two folders of recordings against one another, brought to one rate, one length and one number of channels.

The rate is the lowest that there is, for above it some have nothing; clips are as long as the longest of
fake=, whatever a generator makes: shorter ones end in silence, longer ones are cut.  Loudness stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.core.media.audio import AUDIO
from genkit.core.spec import ArraySpec
from genkit.data.arrays.folders import SUFFIXES as PICTURES
from genkit.data.arrays.folders import walk
from genkit.data.audio.clips import FULL, Heard
from genkit.data.audio.formats import SUFFIXES
from genkit.data.audio.recording import Mixed, Recording, Resampled
from genkit.data.audio.recordings import Recordings, audio_folder
from genkit.data.clip_knobs import AudioFolderKnobs
from genkit.data.packing import printable, unreadable
from genkit.evaluation.judging import folders_judged, seen_batches
from genkit.evaluation.subject import Found
from genkit.metrics.evidence import Seen
from genkit.metrics.extractors import AskedExtractor, Extractor
from genkit.system import storage
from genkit.system.errors import DataError

Clipping = Callable[[Recording], np.ndarray]  # a recording as a clip, int16 (C, T)
AT_ONCE = 2**22  # samples of the clips that are brought to their form together
LONGEST = 2**24  # samples of a clip


def holds_sounds(path: str | Path) -> bool:
    """Whether a path is a folder of recordings, and of no pictures."""
    root = Path(path).expanduser()
    return root.is_dir() and bool(walk(root, SUFFIXES)[0]) and not walk(root, PICTURES)[0]


@dataclass(frozen=True)
class HeardFolder:
    """A folder of recordings, all of which can be read.

    Attributes:
        word: by which it is given: real or fake.
        heard: what each is, in the order of their names.
    """

    word: str
    recordings: Recordings
    heard: tuple[Heard, ...]

    def asked(self) -> list[str]:
        """The class of each, where the folder has a folder for each class; else ""."""
        label, classes = self.recordings.label, self.recordings.classes
        return [""] * len(self.heard) if label is None else [classes[i] for i in label.tolist()]


@dataclass(frozen=True)
class HeardForm:
    """What all clips are brought to: samples a second, samples, channels."""

    rate: int
    length: int
    channels: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.channels, self.length

    def clip(self, recording: Recording) -> np.ndarray:
        """The beginning of a recording, followed by silence where it is shorter, int16 (C, T).

        Raises:
            OSError, ValueError: it cannot be read.
        """
        made = Resampled(Mixed(recording, self.channels), self.rate)
        samples = made.read(0, min(self.length, made.frames))
        clip = np.zeros(self.shape, np.int16)
        clip[:, : samples.shape[1]] = np.rint(samples * (FULL + 1)).clip(-FULL - 1, FULL)
        return clip


def sounds_against(
    real: str | Path, fake: str | Path, asked: AskedExtractor, device: str, say: Callable[[str], None]
) -> tuple[Found, str, str]:
    """What was measured, and digests of the contents of both folders, whatever their order and names.

    Args:
        asked: the extractor.
        say: told what is not used, and to what recordings are brought.

    Raises:
        ConfigError: an extractor that hears no sounds.
        DataError: there are none, or some cannot be read.
    """
    folders = {word: heard_folder(word, path) for word, path in (("real", real), ("fake", fake))}
    form = form_of_folders(folders)
    array = ArraySpec(
        form.channels, (form.length,), 2**16, folders["real"].recordings.classes, AUDIO, float(form.rate)
    )
    chosen = asked.made(AUDIO.extractor(array)).on(device).reading(array)
    sets = {word: seen_sounds(folder, form.clip, form.shape, chosen) for word, folder in folders.items()}
    label, said = folders["real"].recordings.label, brought(folders, form)
    return folders_judged(sets["real"], sets["fake"], chosen, array, label, said, say)


def heard_folder(word: str, path: str | Path) -> HeardFolder:
    """The recordings below a folder, each listened to.

    Raises:
        DataError: there are none, or some cannot be read; they are counted and named.
    """
    try:
        recordings = audio_folder(AudioFolderKnobs(path=str(path)), {})
    except DataError as error:
        raise DataError(f"{word}= {error}") from None
    refused, heard = dict(recordings.missing), []
    for row, file in enumerate(recordings.names):
        try:
            heard.append(Heard.of(recordings.recording(row)))
        except (OSError, ValueError) as error:
            refused[file] = storage.reason(error)
    if refused:
        total = len(recordings) + len(recordings.missing)
        raise DataError(f"{word}= {unreadable(refused, total, 'recordings')}. Mend or remove them.")
    return HeardFolder(word, recordings, tuple(heard))


def form_of_folders(folders: Mapping[str, HeardFolder]) -> HeardForm:
    """The one form of both.

    Raises:
        DataError: clips would be too long.
    """
    every = [heard for folder in folders.values() for heard in folder.heard]
    rate = min(heard.rate for heard in every)
    length = max(heard.samples(rate) for heard in folders["fake"].heard)
    if length > LONGEST:
        raise DataError(
            f"fake= has a recording of {length:,} samples at {rate:,} Hz; {LONGEST:,} at most are compared."
        )
    return HeardForm(rate, length, 2 if all(heard.channels > 1 for heard in every) else 1)


def brought(folders: Mapping[str, HeardFolder], form: HeardForm) -> list[str]:
    """What is not used of two folders, and to what their recordings are brought."""
    said = []
    for word, folder in folders.items():
        if folder.recordings.unused:
            said.append(f"{word}= {folder.recordings.unused}")
        kinds = {
            f"are brought to {form.rate:,} Hz": [h.rate != form.rate for h in folder.heard],
            "are mixed to one channel": [h.channels != form.channels for h in folder.heard],
            f"are cut to {form.length:,} samples": [h.samples(form.rate) > form.length for h in folder.heard],
            "are shorter and end in silence": [h.samples(form.rate) < form.length for h in folder.heard],
        }
        for what, which in kinds.items():
            if any(which):
                said.append(f"{word}= {sum(which):,} of {len(which):,} recordings {what}")
    return said


def seen_sounds(
    folder: HeardFolder,
    clip: Callable[[Recording], np.ndarray],
    shape: tuple[int, int],
    chosen: Extractor | None,
) -> Seen:
    """The recordings as metrics see them; how far an extractor is with them is shown.

    Args:
        shape: (C, T) of what `clip` makes.
    """
    batches = lambda: opened_sounds(folder, clip, shape)  # noqa: E731
    return seen_batches(folder.word, len(folder.heard), batches, folder.asked, chosen)


def opened_sounds(folder: HeardFolder, clip: Clipping, shape: tuple[int, int]) -> Iterator[Tensor]:
    """The recordings in batches, int16 (B, C, T).

    Raises:
        DataError: one cannot be read.
    """
    many = max(1, min(250, AT_ONCE // (shape[0] * shape[1])))
    for start in range(0, len(folder.heard), many):
        rows = range(start, min(start + many, len(folder.heard)))
        clips = np.empty((len(rows), *shape), np.int16)
        for place, row in enumerate(rows):
            try:
                clips[place] = clip(folder.recordings.recording(row))
            except (OSError, ValueError) as error:
                name = printable(folder.recordings.names[row])
                raise DataError(f"{folder.word}={name} cannot be read: {storage.reason(error)}.") from None
        yield torch.from_numpy(clips)
