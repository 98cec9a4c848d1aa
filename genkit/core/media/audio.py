"""Sounds: arrays over time, heard as clips of 16 bits, shown as spectrograms, judged by features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genkit.core.clip import Clip, players, program
from genkit.core.media.medium import BoardSounds, Medium, Shown, write_npz
from genkit.core.sound_sheet import sound_sheet
from genkit.system import storage
from genkit.system.progress import each
from genkit.system.wave_files import joined_file

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.core.spec import ArraySpec

UNSAID = 8_000.0  # samples a second, where nobody says how many
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")  # spoken
ON_BOARD = 8  # clips of one step that boards keep, beside the sheet of all


@dataclass(frozen=True)
class AudioMedium(Medium):
    """Clips of one or two channels at a rate; what a model reads of them is a representation, or they are
    their own."""

    name: str = "audio"
    one: str = "a sound"
    many: str = "sounds"
    filed: str = "recording"
    axes: tuple[str, ...] = ("time",)
    channels: tuple[int, ...] = (1, 2)
    sized_by: str = "data.length"
    depth: int = 16
    representations: tuple[str, ...] = ("log_mel", "mu_law")
    suffixes: tuple[str, ...] = (".wav", ".png", ".npz")
    kept_as: tuple[str, ...] = (".wav", ".png")
    parts: tuple[str, ...] = ("end", "start", "middle", "random")
    rest: str = "end"
    offers: frozenset[str] = frozenset({"arrays", "features", "probabilities", "waveforms"})
    # (What features tell is one group, whatever they are of.)
    groups: tuple[str, ...] = ("likelihood", "images", "classes", "sounds", "memorisation", "cost")
    drawn: int = 500
    kept: int = 16
    entry: str = "sample"
    distances: str = "genkit.metrics.waveforms:DISTANCES"
    prompted_task: str = "text-to-audio"

    def sheet(self, shown: Shown, columns: int | None = None, border: int = 1) -> Image:
        """Spectrograms over waveforms, in reading order."""
        return sound_sheet(shown.arrays, rate(shown), shown.captions, columns, border)

    def single(self, shown: Shown) -> Clip:
        return clips(shown)[0]

    def html(self, shown: Shown) -> str:
        """A player for each, as many as a page should hold."""
        return players(clips(shown))

    def board(self, shown: Shown) -> BoardSounds:
        return BoardSounds(clips(shown[:ON_BOARD]), self._drawn(shown))

    def write(self, shown: Shown, path: Path) -> None:
        """`.wav`: one after another with short silences between; `.png`: the sheet; `.npz`: int16 (n, C, T),
        rate, captions and the provenance."""
        match path.suffix.lower():
            case ".wav":
                waves = joined_file(shown.arrays, rate(shown), program(), shown.about, shown.captions)
                storage.write_bytes(path, waves)
            case ".npz":
                about = {**shown.about, "rate": rate(shown), "captions": list(shown.captions)}
                write_npz(path, {"waveforms": shown.arrays, "rate": np.array(rate(shown))}, about)
            case _:
                super().write(shown, path)

    def extractor(self, array: ArraySpec) -> str:
        """The bundled network where digits are spoken, else the untrained one."""
        return "spoken_digits" if set(array.classes) == set(DIGITS) else "random_ear"

    def write_each(self, shown: Shown, folder: Path) -> None:
        for i, clip in enumerate(each("writing files", clips(shown), len(shown))):
            (folder / f"{i:05d}.wav").write_bytes(clip.wav)


def clips(shown: Shown) -> list[Clip]:
    """The examples one by one; of each it is said which it is, and of what."""
    captions = shown.captions or [""] * len(shown)
    return [
        Clip(waveform, rate(shown), caption, {**shown.about, "sample": i, "of": caption})
        for i, (waveform, caption) in enumerate(zip(shown.arrays, captions, strict=True))
    ]


def rate(shown: Shown) -> float:
    """Samples a second."""
    return UNSAID if shown.array is None or shown.array.rate is None else shown.array.rate


AUDIO = AudioMedium()
