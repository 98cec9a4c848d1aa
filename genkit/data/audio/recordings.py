"""Recordings in files: which there are, which part and class each belongs to, how each is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genkit.core.media.audio import AUDIO, DIGITS
from genkit.core.media.medium import Medium
from genkit.data.arrays.folders import found_files, layout, not_used
from genkit.data.audio.formats import SUFFIXES, open_recording
from genkit.data.audio.recording import Recording
from genkit.data.clip_knobs import AudioFolderKnobs, FsddKnobs, SpeechCommandsKnobs
from genkit.data.packing import listing_of
from genkit.system import storage
from genkit.system.errors import ConfigError, DataError
from genkit.system.plain import read_text

ONE = "recording"
LONGEST_LIST = 2**24  # bytes; the published ones have a fiftieth
TESTED = 5  # recordings of each digit and speaker that are published as the test part: 0 to 4


@dataclass
class Recordings:
    """Recordings in files below a folder.

    Attributes:
        root: the folder.
        names: of files below it, for messages, too.
        listing: changes when the files do.
        part: of each; None where there are none.
        label: of each, int64 (N,), or None.
        classes: names of the labels.
        protocol: how the parts were made, in words; "": by `data.split`.
        missing: names that lead to no recording, and why.
        notices: what is not used, and what names are taken for.
        unused: what is not used, "" where all is.
        medium: what a recording is.
    """

    root: Path
    names: Sequence[str]
    listing: str
    part: Sequence[str] | None = None
    label: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    protocol: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()
    medium: Medium = AUDIO
    unused: str = ""

    def __len__(self) -> int:
        return len(self.names)

    def recording(self, row: int) -> Recording:
        """One of them.

        Raises:
            OSError, ValueError: it cannot be read; the reason.
        """
        return open_recording(self.root / self.names[row])


def audio_folder(data: AudioFolderKnobs, paths: Mapping[str, str]) -> Recordings:
    """A folder of recordings, with a folder for each class or without, with train/val/test or without.

    Raises:
        ConfigError: no path is given.
        DataError: there is no folder, or no recording in it.
    """
    if not data.path:
        raise ConfigError("data=audio_folder needs data.path=FOLDER.")
    root = Path(data.path).expanduser()
    found, missing, others = found_files(root, SUFFIXES, ONE, "give a folder of recordings")
    names = sorted(found)
    part, label, classes, said = layout(names, root, AUDIO.many)
    if unused := not_used(others, f"{len(names):,} recordings"):
        said.insert(0, unused)
    return Recordings(root, names, listing_of(found), part, label, classes, "", missing, said, unused=unused)


def fsdd(data: FsddKnobs, paths: Mapping[str, str]) -> Recordings:
    """The Free Spoken Digit Dataset, `{digit}_{speaker}_{index}.wav` in <data_dir>/fsdd/recordings."""
    root = Path(paths["data_dir"]).expanduser() / "fsdd" / "recordings"
    advice = "set paths.data_dir, or GENKIT_DATA_DIR, to the folder that holds fsdd"
    found, missing, _ = found_files(root, SUFFIXES, ONE, advice)
    named = {name: Path(name).stem.split("_") for name in sorted(found)}
    named = {n: w for n, w in named.items() if len(w) == 3 and w[0] in "0123456789" and w[2].isdecimal()}
    if not named:
        raise DataError(f"{root} holds no recording that is called DIGIT_SPEAKER_INDEX.wav.")
    labels = np.array([int(digit) for digit, _, _ in named.values()], np.int64)
    if data.split == "speakers":
        part, protocol = _by_speaker([speaker for _, speaker, _ in named.values()], data.speaker)
    else:
        part = ["test" if int(index) < TESTED else "train" for _, _, index in named.values()]
        protocol = "test is the published part, recordings 0 to 4 of each speaker and digit"
    listing = listing_of({name: found[name] for name in named})
    return Recordings(root, list(named), listing, part, labels, DIGITS, protocol, missing)


def _by_speaker(speakers: Sequence[str], left_out: str) -> tuple[list[str], str]:
    """The part of each recording, no speaker in two of them, and the protocol in words.

    Raises:
        ConfigError: the one who is left out is none of them, or training would hear nobody.
    """
    there = sorted(set(speakers))
    if left_out not in there or len(there) < 3:
        raise ConfigError(
            f"data.speaker={left_out}: the speakers are {', '.join(there)}; three or more serve."
        )
    selecting = there[(there.index(left_out) + 1) % len(there)]
    of = {left_out: "test", selecting: "validation"}
    protocol = f"test is the speaker {left_out}, validation {selecting}; training hears neither"
    return [of.get(speaker, "train") for speaker in speakers], protocol


def speech_commands(data: SpeechCommandsKnobs, paths: Mapping[str, str]) -> Recordings:
    """Speech Commands (Warden 2018): a folder for each word, and lists of what validates and tests."""
    base = Path(paths["data_dir"]).expanduser()
    tried = [base / name for name in ("speech_commands_v0.02", "SpeechCommands/speech_commands_v0.02")]
    root = next((folder for folder in tried if folder.is_dir()), tried[0])
    advice = "fetch speech_commands_v0.02 and unpack it there, or set paths.data_dir"
    found, missing, _ = found_files(root, SUFFIXES, ONE, advice)
    wanted = {name: os.path.split(name) for name in sorted(found)}
    wanted = {n: (w, f) for n, (w, f) in wanted.items() if w and not w.startswith("_") and os.sep not in w}
    words = sorted({word for word, _ in wanted.values()})
    if data.words == "digits":
        words = [word for word in DIGITS if word in words]
    wanted = {name: both for name, both in wanted.items() if both[0] in words}
    if not wanted:
        raise DataError(f"{root} holds no folder of a word with recordings; {advice}.")
    lists = {part: _listed(root / f"{part}_list.txt") for part in ("validation", "testing")}
    by_name = {name: "test" if part == "testing" else part for part, names in lists.items() for name in names}
    part = [by_name.get(name.replace(os.sep, "/"), "train") for name in wanted]
    labels = np.array([words.index(word) for word, _ in wanted.values()], np.int64)
    listing = listing_of({name: found[name] for name in wanted})
    protocol = "the published lists of what validates and tests, by speaker"
    return Recordings(root, list(wanted), listing, part, labels, tuple(words), protocol, missing)


def _listed(file: Path) -> list[str]:
    """The lines of one of the published lists."""
    try:
        return read_text(file, LONGEST_LIST, follow=True).split()
    except (OSError, ValueError) as error:
        why = storage.reason(error)
        raise DataError(f"{file} cannot be read: {why}; unpack all of speech_commands.") from None
