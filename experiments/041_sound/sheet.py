"""A sheet of spectrograms, ten digits of each family below ten recordings, and three WAVs of each family.

    python experiments/041_sound/sheet.py runs/fsdd_gpt_mel runs/fsdd_vae_mel,temperature=0.7 …

Runs, and options of sampling that follow them, are those of `table.py`.  Nothing is picked: all is of seed 0,
and the recordings are the first of each digit in the published test part.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from table import HERE, Recordings

import genkit
from genkit.core.media.audio import DIGITS
from genkit.core.samples import Samples
from genkit.core.sound_sheet import sound_sheet

HEARD = ("one", "four", "seven")  # are written as WAVs
RATE = 8000.0


def main(words: list[str]) -> None:
    rows, captions = [recorded()], [f"recorded: {digit}" for digit in DIGITS]
    for word in words:
        folder, *options = word.split(",")
        model = genkit.load(folder)
        given = {key: float(value) for key, value in (option.split("=") for option in options)}
        drawn = {digit: model.sample(1, seed=0, label=digit, **given) for digit in DIGITS}
        name = Path(folder).name
        for digit in HEARD:
            save(drawn[digit], HERE / f"{name}_{digit}.wav")
        rows.append(np.concatenate([samples.arrays for samples in drawn.values()]))
        captions += [f"{name.split('_')[1]}: {digit}" for digit in DIGITS]
    sheet = sound_sheet(np.concatenate(rows), RATE, captions, columns=len(DIGITS))
    sheet.quantize(128).save(HERE / "spectrograms.png", optimize=True)  # a third of the bytes


def save(samples: Samples, path: Path) -> None:
    samples.save(path)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


def recorded() -> np.ndarray:
    """One recording of each digit, int16 (10, 1, 4096)."""
    clips, labels = Recordings().part(test=True)
    first = [int(np.flatnonzero(labels.numpy() == digit)[0]) for digit in range(len(DIGITS))]
    waves: np.ndarray = (clips[first, None].numpy() * 32_767).round().astype(np.int16)
    return waves


if __name__ == "__main__":
    main(sys.argv[1:])
