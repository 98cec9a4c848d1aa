"""Many clips in one picture: of each its spectrogram over its waveform, with axes of time and frequency.

Scales are fixed, as those of pictures are: colours from -80 dB to 0 dB of full scale, waveforms from -1 to 1
of it.  Each clip on its own range would hide how loud a model is.  Nothing here imports torch.

Legend: n clips, C channels, T samples of a clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from genkit.core.lettering import fitted, letters

FULL = 2**15  # of 16 bits, full scale
QUIETEST = -80.0  # dB of full scale, the darkest colour; the brightest is 0
WINDOW = 0.032  # seconds that a column of a spectrogram looks at
# From black over violet, red and orange to a light yellow, each as much lighter as it is farther: what is
# twice as far in decibels looks twice as far (as matplotlib's magma does it; these colours are our own).
COLOURS = (
    *((3, 3, 11), (41, 19, 85), (94, 24, 121), (151, 42, 121), (205, 65, 98), (238, 107, 80)),
    *((247, 158, 102), (248, 206, 145), (252, 249, 195)),
)
PAPER, INK, SOFT, WAVE, LOUD = (255, 255, 255), (32, 36, 42), (128, 134, 142), (96, 52, 140), (214, 40, 40)
FIELD = (245, 246, 248)  # behind a waveform
WIDEST, NARROWEST, ROW = 560, 112, 1_480  # of a plot, and of all plots of a row, in pixels
LETTERS = 11  # pixels
LEFT, AROUND, TOP, TICK, LINE = 48, 64, 10, 4, 15  # pixels: left, left and right, above; of marks, of a line


@dataclass(frozen=True)
class Layout:
    """Where things stand, in pixels.

    Attributes:
        columns, rows: of clips.
        width: of a plot.
        high: of a spectrogram.
        lane: of a waveform, one channel.
        channels: of a clip.
        captioned: whether clips have captions.
        gap: between two clips.
        foot: below all.
    """

    columns: int
    rows: int
    width: int
    high: int
    lane: int
    channels: int
    captioned: bool
    gap: int
    foot: int

    @property
    def plot(self) -> int:
        """Height of a clip's spectrogram and waveforms."""
        return self.high + 1 + self.lane * self.channels

    @property
    def cell(self) -> int:
        """Height of a clip with what stands below it."""
        return self.plot + TICK + LINE * (2 if self.captioned else 1)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole."""
        across = AROUND + self.columns * self.width + (self.columns - 1) * self.gap
        return across, TOP + self.rows * (self.cell + self.gap) + self.foot

    def place(self, i: int) -> tuple[int, int]:
        """Left and top of a clip."""
        row, column = divmod(i, self.columns)
        return LEFT + column * (self.width + self.gap), TOP + row * (self.cell + self.gap)


def sound_sheet(
    waveforms: np.ndarray,
    rate: float,
    captions: Sequence[str] = (),
    columns: int | None = None,
    gap: int = 1,
    *,
    width: int | None = None,
    legend: bool = True,
) -> Image.Image:
    """All clips in reading order.

    Args:
        waveforms: int16 (n, C, T).
        rate: samples a second.
        captions: what stands below each; () for nothing.
        columns: as many as rows, if it is not given.
        gap: pixels between two clips, besides what their axes need.
        width: of a clip with its axes, in pixels, if it is not as many as there is room for.
        legend: whether it is said below what the colours mean.
    """
    n, channels, samples = waveforms.shape
    columns = columns or max(1, math.ceil(math.sqrt(n)))
    width = max(NARROWEST, min(WIDEST, ROW // columns)) if width is None else width - AROUND
    layout = Layout(
        columns=columns,
        rows=max(1, math.ceil(n / columns)),
        width=width,
        high=max(56, min(220, width * 2 // 5)),
        lane=max(24, min(72, width // 6)),
        channels=channels,
        captioned=any(captions),
        gap=9 + gap,
        foot=22 if legend else 0,
    )
    sheet = Image.new("RGB", layout.size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, waveform in enumerate(waveforms):
        left, top = layout.place(i)
        sheet.paste(_plot(waveform, rate, layout), (left, top))
        _time_axis(draw, left, top + layout.plot, width, samples / rate)
        if i % columns == 0:
            _frequency_axis(draw, left, top, layout.high, rate / 2)
        if layout.captioned:
            place = left + width // 2, top + layout.plot + TICK + LINE
            font = letters(LETTERS + 1)
            draw.text(place, fitted(draw, captions[i], font, width), INK, font, "ma")
    if legend:
        _legend(sheet, draw, layout)
    return sheet


# ---------------------------------------------------------------------- plots


def _plot(waveform: np.ndarray, rate: float, layout: Layout) -> Image.Image:
    """A clip, int16 (C, T): its spectrogram, and below it a waveform for each channel."""
    mixed = waveform.mean(0) / FULL
    pixels = coloured(decibels(mixed, rate, layout.high, layout.width))
    lanes = [_lane(channel / FULL, layout.lane, layout.width) for channel in waveform]
    rule = np.full((1, layout.width, 3), PAPER, np.uint8)
    return Image.fromarray(np.concatenate([pixels, rule, *lanes]))


def decibels(waveform: np.ndarray, rate: float, height: int, width: int) -> np.ndarray:
    """The spectrogram of a clip, as a picture holds it.

    Args:
        waveform: floats of -1 … 1, (T,).

    Returns:
        Decibels (height, width): a sine of full scale has 0.  Above stands half the rate, below 0 Hz.
    """
    size = 2 ** min(12, max(5, round(math.log2(WINDOW * rate))))
    window = np.hanning(size + 1)[:-1]
    centres = ((np.arange(width) + 0.5) * (len(waveform) / width)).astype(int)
    padded = np.pad(waveform, size // 2)
    frames = padded[centres[:, None] + np.arange(size)] * window  # (width, size)
    power = np.abs(np.fft.rfft(frames, max(size, 4 * height))) * (2 / window.sum())
    wanted = (np.arange(height)[::-1] + 0.5) / height  # of half the rate, from above
    have = np.linspace(0, 1, power.shape[1])
    rows = np.stack([np.interp(wanted, have, column) for column in power], axis=1)
    loudness: np.ndarray = 20 * np.log10(np.maximum(rows, 1e-10))
    return loudness


def coloured(loudness: np.ndarray) -> np.ndarray:
    """Decibels as colours, uint8 (…, 3)."""
    share = np.clip(1 - loudness / QUIETEST, 0, 1)
    anchors = np.linspace(0, 1, len(COLOURS))
    bands = [np.interp(share, anchors, band) for band in zip(*COLOURS, strict=True)]
    return np.round(np.stack(bands, axis=-1)).astype(np.uint8)


def _lane(waveform: np.ndarray, height: int, width: int) -> np.ndarray:
    """A waveform of -1 … 1, (T,), as a picture, uint8 (height, width, 3): of each column its range.

    Where samples stay at full scale, clipped, it is red.
    """
    low, high = envelope(waveform, width)
    full = (waveform >= (FULL - 1) / FULL) | (waveform <= -1)
    clipped = np.isin(np.arange(width), np.flatnonzero(full[1:] & full[:-1]) * width // len(waveform))
    middle, reach = height / 2, height / 2 - 1
    rows = np.arange(height)[:, None] + 0.5
    drawn = (rows >= np.floor(middle - high * reach)) & (rows <= np.ceil(middle - low * reach))
    lane = np.full((height, width, 3), FIELD, np.uint8)
    lane[drawn] = WAVE
    lane[drawn & clipped] = LOUD
    return lane


def envelope(waveform: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest value in each of so many columns, (width,) each, without gaps."""
    if len(waveform) < 4 * width:  # a line from sample to sample
        places = np.linspace(0, len(waveform) - 1, 4 * width)
        waveform = np.interp(places, np.arange(len(waveform)), waveform)
    starts = np.arange(width) * len(waveform) // width
    low, high = np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts)
    below, above = np.minimum(low[1:], high[:-1]), np.maximum(high[1:], low[:-1])  # each meets its neighbour
    return np.r_[low[:1], below], np.r_[high[:1], above]


# ---------------------------------------------------------------------- axes


def ticks(end: float, most: int) -> list[float]:
    """Round places from 0 to `end`, at most so many after 0, each 1, 2 or 5 times a power of ten apart."""
    rough = end / max(1, most)
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(scale * factor for factor in (1, 2, 5, 10) if scale * factor >= rough * (1 - 1e-9))
    return [i * step for i in range(math.floor(end / step * (1 + 1e-9)) + 1)]


def _time_axis(draw: ImageDraw.ImageDraw, left: int, top: int, width: int, seconds: float) -> None:
    marks = ticks(seconds, width // 46)
    draw.line((left, top, left + width - 1, top), SOFT)
    for i, mark in enumerate(marks):
        across = left + round(mark / seconds * (width - 1))
        draw.line((across, top, across, top + TICK - 1), SOFT)
        unit = "  s" if i == len(marks) - 1 else ""
        anchor = "la" if across - left < 4 else "ra" if left + width - across < 10 else "ma"
        draw.text((across, top + TICK), f"{mark:.6g}{unit}", SOFT, letters(LETTERS), anchor)


def _frequency_axis(draw: ImageDraw.ImageDraw, left: int, top: int, height: int, most: float) -> None:
    marks = ticks(most, height // 24)
    kilo = most >= 1_000
    for i, mark in enumerate(marks):
        down = top + height - 1 - round(mark / most * (height - 1))
        draw.line((left - TICK, down, left - 1, down), SOFT)
        unit = "" if i < len(marks) - 1 else "  kHz" if kilo else "  Hz"
        said = f"{mark / 1_000 if kilo else mark:.6g}{unit}"
        draw.text((left - TICK - 3, down), said, SOFT, letters(LETTERS), "rm")


def _legend(sheet: Image.Image, draw: ImageDraw.ImageDraw, layout: Layout) -> None:
    """What the colours mean, below all."""
    top = layout.size[1] - layout.foot + 4
    bar = coloured(np.linspace(QUIETEST, 0, 72)[None].repeat(8, 0))
    draw.text((LEFT, top + 4), f"{QUIETEST:.0f}", SOFT, letters(LETTERS), "lm")
    sheet.paste(Image.fromarray(bar), (LEFT + 26, top))
    draw.text((LEFT + 104, top + 4), "0 dB", SOFT, letters(LETTERS), "lm")
