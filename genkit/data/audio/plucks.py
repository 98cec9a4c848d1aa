"""Plucked strings that are computed (Karplus and Strong 1983; tuned as by Jaffe and Smith 1983).

A burst of noise runs round and round a loop of three: a line that delays it by N samples, a two-point average
(1 - s) + s/z with a loss, which takes away the high partials first, and an all-pass (c + 1/z) / (1 + c/z).
What line and average delay the fundamental by is known exactly, and the all-pass gives the rest of its period
(Jaffe and Smith, equation 16): a string is in tune to within a thousandth of a semitone.  The label is the
pitch; how bright the burst is, how fast the high partials go and how long the string rings, where it is
plucked, and how loud, differ from example to example.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from genkit.core.media.audio import AUDIO
from genkit.core.notes import hertz, note
from genkit.data.arrays.levels import levels_of
from genkit.data.clip_knobs import PlucksKnobs
from genkit.data.packing import check_space, digest_of, open_array, packed
from genkit.data.sources import Images
from genkit.system.errors import StorageError
from genkit.system.progress import progress

RATE, LENGTH = 8_000, 4_096  # samples a second, samples
LOWEST = 57  # A3, as MIDI counts notes
VERSION = 1  # of how a string is computed
BLOCK = 1_000  # strings that are computed at once


def plucks(data: PlucksKnobs, paths: Mapping[str, str]) -> Images:
    """As many strings as are asked for; each depends on its number, and on how many pitches there are."""
    labels = np.arange(data.examples) % data.pitches
    classes = tuple(note(LOWEST + i) for i in range(data.pitches))
    images, digest = _kept(labels, paths.get("cache_dir", ""))
    return Images(images, labels, 2**16, classes, digest=digest, medium=AUDIO, rate=float(RATE))


def _kept(labels: np.ndarray, cache_dir: str) -> tuple[np.ndarray, str | None]:
    """The strings of these semitones, uint16 (N, 1, LENGTH), from the cache where there is one, and their
    digest."""
    shape = (len(labels), 1, LENGTH)

    def fill(target: np.ndarray) -> None:
        with progress("plucking strings", len(labels)) as advance:
            for start in range(0, len(labels), BLOCK):
                block = labels[start : start + BLOCK].tolist()
                strings = [string(start + i, LOWEST + semitone) for i, semitone in enumerate(block)]
                target[start : start + BLOCK, 0] = levels_of(np.stack(strings))
                advance(len(block))

    def build(folder: Path) -> dict[str, object]:
        check_space(folder, 2 * math.prod(shape))
        made = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint16, shape)
        fill(made)
        made.flush()
        about = {"name": "plucks", "digest": digest_of(folder, ["images.npy"]), "digest_of": ["images.npy"]}
        return dict(about)

    if cache_dir:
        with contextlib.suppress(StorageError):
            key = {"examples": len(labels), "pitches": int(labels.max()) + 1, "version": VERSION}
            folder, about = packed(cache_dir, "plucks", key, build)
            return open_array(folder / "images.npy"), str(about["digest"])
    images = np.empty(shape, np.uint16)
    fill(images)
    return images, None


def string(index: int, number: int) -> np.ndarray:
    """One string, int16 (LENGTH,).

    Args:
        index: of the example, by which all but the pitch is drawn.
        number: of the note, as MIDI counts.
    """
    from scipy.signal import lfilter

    period = RATE / hertz(number)
    turn = 2 * math.pi / period  # of the fundamental, from sample to sample
    drawn = _uniform(index, 5 + math.ceil(period))
    bright, slope, ring, place, loud = drawn[:5].tolist()
    late = 0.15 + 0.35 * slope  # the second point's share of the average
    average = 1 - late + late * complex(math.cos(turn), -math.sin(turn))  # at the fundamental
    averaged = -math.atan2(average.imag, average.real) / turn  # samples
    delay = math.floor(period - averaged - 0.3)
    rest = period - averaged - delay  # 0.3 … 1.3, where an all-pass is well behaved
    allpass = math.sin((1 - rest) * turn / 2) / math.sin((1 + rest) * turn / 2)
    seconds = 0.8 * 4**ring  # until the fundamental is 60 dB down: 0.8 … 3.2
    loss = min(0.9995, 10 ** (-3 * period / (RATE * seconds)) / abs(average))
    burst = _burst(2 * drawn[5:] - 1, bright, max(1, round(period * (0.1 + 0.4 * place))))
    # The loop as one filter: 1 / (1 - loss · average · all-pass · z^-delay), both sides times 1 + c/z.
    feedback = np.zeros(delay + 3)
    feedback[:2] = 1, allpass
    feedback[delay:] -= loss * np.convolve((1 - late, late), (allpass, 1))
    sound = lfilter((1, allpass), feedback, burst)
    level = 10 ** (-12 * loud / 20)  # the peak, 0 … 12 dB below full scale
    return np.asarray(np.round(sound * (level * 32_767 / np.abs(sound).max())), np.int16)


def _uniform(index: int, count: int) -> np.ndarray:
    """Numbers in [0, 1) of an example, the same with every version of numpy."""
    raw = np.random.Philox(key=[VERSION, index]).random_raw(count)
    return np.asarray((raw >> np.uint64(11)) * 2.0**-53)


def _burst(noise: np.ndarray, bright: float, place: int) -> np.ndarray:
    """What excites a string, (LENGTH,): noise of one period, smoothed where it is dull, without the partials
    that have a node at so many samples from the bridge."""
    from scipy.signal import lfilter

    dull = 0.9 * (1 - bright)
    burst = np.zeros(LENGTH)
    smooth = lfilter((1 - dull,), (1, -dull), noise)
    burst[: len(noise)] = smooth - smooth.mean()
    burst[place:] -= burst[:-place].copy()
    return burst
