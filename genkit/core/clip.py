"""One clip that can be heard: in a notebook a player over its spectrogram, and a file.

Players have the clip at its true level: one that is brought to full scale hides how loud a model is.  Nothing
here imports torch.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from genkit.core.grid import png
from genkit.core.sound_sheet import sound_sheet
from genkit.system import storage
from genkit.system.errors import ConfigError
from genkit.system.terminal import without_controls
from genkit.system.wave_files import wave_file

MOST_PLAYERS, MOST_LETTERS = 32, 4_000_000  # of one page, which a browser and a notebook's file have to hold
FIGURE = "display:inline-block;margin:0 10px 12px 0;vertical-align:top;text-align:center"
ACROSS = 280  # pixels of a player


@dataclass(frozen=True, repr=False)
class Clip:
    """One clip of sound.

    Attributes:
        waveform: int16 (C, T).
        rate: samples a second.
        caption: what it is of; "": nobody says.
        about: where it comes from, as plain values.
    """

    waveform: np.ndarray
    rate: float
    caption: str = ""
    about: Mapping[str, object] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return int(self.waveform.shape[1]) / self.rate

    @property
    def wav(self) -> bytes:
        """As a WAV file holds it, with where it comes from."""
        return wave_file(self.waveform, self.rate, program(), self.about)

    @property
    def picture(self) -> Image.Image:
        """Its spectrogram over its waveform."""
        return sound_sheet(self.waveform[None], self.rate, [self.caption])

    def save(self, out: str | Path) -> Path:
        """Write it and return the path: `.wav`, or `.png` of its spectrogram.

        Raises:
            ConfigError: another suffix.
            StorageError: it cannot be written; what was there stays.
        """
        path = Path(out)
        kind = path.suffix.lower()
        if kind not in (".wav", ".png"):
            raise ConfigError(f"out={out}: a clip is saved as .wav, or as .png of its spectrogram.")
        storage.make_folder(path.parent)
        storage.write_bytes(path, self.wav if kind == ".wav" else png(self.picture))
        return path

    def __repr__(self) -> str:
        of = f" of {self.caption}" if self.caption else ""
        return (
            f"Clip({self.seconds:.3g} s{of}, {self.rate:g} samples a second, {len(self.waveform)} channels)"
        )

    def _repr_html_(self) -> str:
        """In a notebook."""
        return player(self)


def player(clip: Clip) -> str:
    """A clip as HTML that needs nothing else: a player, and its spectrogram below."""
    picture = sound_sheet(clip.waveform[None], clip.rate, width=ACROSS, legend=False)
    caption = html.escape(without_controls(clip.caption, ""))
    return (
        f'<figure style="{FIGURE}">'
        f'<audio controls preload="metadata" style="width:{ACROSS}px;height:32px"'
        f' src="data:audio/wav;base64,{base64.b64encode(clip.wav).decode()}"></audio><br>'
        f'<img alt="spectrogram" src="data:image/png;base64,{base64.b64encode(png(picture)).decode()}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def players(clips: Sequence[Clip]) -> str:
    """Clips as HTML, as many as a page should hold; how many are left out is said."""
    shown: list[str] = []
    for clip in clips[:MOST_PLAYERS]:
        shown.append(player(clip))
        if sum(map(len, shown)) > MOST_LETTERS:
            break
    left = len(clips) - len(shown)
    rest = f"<p>{left:,} more are not shown: take a part, as in samples[{len(shown)}:], or save them.</p>"
    return "".join(shown) + (rest if left else "")


def program() -> str:
    """What files say they are made by."""
    from genkit import __version__

    return f"genkit {__version__}"
