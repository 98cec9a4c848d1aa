"""Notes by their names: equal temperament, A4 is 440 Hz; MIDI counts semitones, A4 is 69."""

from __future__ import annotations

import re

# (Flats, for a sharp's sign begins a comment in a shell; names with sharps are read as well.)
NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
SIGNS = {"": 0, "#": 1, "b": -1}


def note(number: int) -> str:
    """The name of a number of MIDI: 57 is A3, 69 is A4."""
    return f"{NAMES[number % 12]}{number // 12 - 1}"


def hertz(number: int) -> float:
    """The frequency of a number of MIDI."""
    return float(440 * 2 ** ((number - 69) / 12))


def frequency(name: str) -> float | None:
    """Hertz of a note by its name, such as "Bb3" or "C#4"; None: no note is called so."""
    read = re.fullmatch(r"([A-G])([#b]?)(-?\d)", name)
    if read is None:
        return None
    letter, sign, octave = read.groups()
    return hertz(NAMES.index(letter) + SIGNS[sign] + 12 * (int(octave) + 1))
