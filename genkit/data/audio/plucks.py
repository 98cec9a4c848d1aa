"""Plucked strings that are computed (Karplus and Strong 1983; tuned by Jaffe and Smith 1983).

A delay line that holds a burst of noise is read round and round through a two-point average, which takes away
the high partials first: the string.  Its period is that of the line (N samples), of the average (½) and of an
all-pass filter that delays by the rest, so that a pitch is exact.  The label is the pitch; how bright a
string is, how long it rings, where it is plucked and how loud differ from example to example.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genkit.core.media.audio import AUDIO
from genkit.data.clip_knobs import PlucksKnobs
from genkit.data.sources import Images

RATE, LENGTH = 8_000, 4_096  # samples a second, samples
LOWEST = 110.0  # Hz, A2
NOTES = ("A", "A#", "B", "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#")
SEED = 0


def frequency(semitone: int) -> float:
    """Of so many semitones above A2, in Hz (equal temperament)."""
    return float(LOWEST * 2 ** (semitone / 12))


def note(semitone: int) -> str:
    """Its name: A2, A#2, B2, C3, …"""
    return f"{NOTES[semitone % 12]}{2 + (semitone + 9) // 12}"


def plucks(data: PlucksKnobs, paths: Mapping[str, str]) -> Images:
    """As many strings as asked for; one depends on its number alone."""
    count = data.examples
    labels = np.arange(count) % data.pitches
    levels = np.empty((count, 1, LENGTH), np.uint16)
    for start in range(0, count, 1_000):
        numbers = np.arange(start, min(start + 1_000, count))
        strings = strung(numbers, labels[numbers])
        levels[numbers, 0] = np.round(strings * 32_767).astype(np.int32) + 2**15
    classes = tuple(note(i) for i in range(data.pitches))
    return Images(levels, labels, 2**16, classes, medium=AUDIO, rate=float(RATE))


def strung(numbers: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    """The strings of these numbers, (n, LENGTH) within ±1."""
    n = len(numbers)
    drawn = np.empty((n, 4))
    bursts = np.zeros((n, int(RATE / LOWEST) + 2))
    periods = RATE / (LOWEST * 2 ** (semitones / 12))
    # The delay that is left for the all-pass filter lies between ½ and 1½, where it is well behaved.
    delays = np.floor(periods - 1.0).astype(np.int64)
    rest = periods - 0.5 - delays
    for i, number in enumerate(numbers.tolist()):
        generator = np.random.Generator(np.random.Philox(key=[SEED, number]))
        drawn[i] = generator.random(4)
        bursts[i, : delays[i]] = generator.uniform(-1, 1, delays[i])
    bright, ring, place, loud = drawn.T
    _shape(bursts, delays, bright, place)
    seconds = 0.15 * 8**ring  # until it is 60 dB down, 0.15 to 1.2
    losses = 10 ** (-3 * periods / (RATE * seconds))
    return _rung(bursts, delays, rest, losses) * (10 ** (-12 * loud / 20))[:, None]


def _shape(bursts: np.ndarray, delays: np.ndarray, bright: np.ndarray, place: np.ndarray) -> None:
    """What excites each string: smoother where it is less bright, without the partials that have a node where
    it is plucked; its mean is 0."""
    for i, delay in enumerate(delays.tolist()):
        burst = bursts[i, :delay]
        spectrum = np.fft.rfft(burst)
        partials = np.arange(len(spectrum))
        spectrum *= np.exp(-partials * (1 - bright[i]) * 0.25)
        spectrum *= np.abs(np.sin(np.pi * partials * (0.1 + 0.4 * place[i])))
        spectrum[0] = 0
        bursts[i, :delay] = np.fft.irfft(spectrum, delay)


def _rung(bursts: np.ndarray, delays: np.ndarray, rest: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """What the lines give, (n, LENGTH), each with a peak of 1."""
    n = len(bursts)
    rows, out = np.arange(n), np.zeros((n, LENGTH))
    turn = 2 * np.pi / (delays + 0.5 + rest)  # of the fundamental from sample to sample
    # Of the all-pass filter, whose delay there is the rest (Jaffe and Smith 1983, equation 16).
    gain = np.sin(turn * (1 - rest) / 2) / np.sin(turn * (1 + rest) / 2)
    line, past, into, outof = bursts.copy(), np.zeros(n), np.zeros(n), np.zeros(n)
    for t in range(LENGTH):
        at = t % delays
        value = line[rows, at]
        out[:, t] = value
        mean = losses * 0.5 * (value + past)
        passed = gain * mean + into - gain * outof
        past, into, outof = value, mean, passed
        line[rows, at] = passed
    peak = np.abs(out).max(1, keepdims=True)
    return np.asarray(out / np.maximum(peak, 1e-12))
