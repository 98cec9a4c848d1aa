"""Bits per sample of n-gram models on the μ-law samples of spoken digits: what a GPT on them has to beat.

    python experiments/041_sound/ngram_floors.py data=data/fsdd/recordings

Nothing of genkit is used: the recordings are read, divided by their peaks, companded and counted here.  An
n-gram is smoothed by that of one sample less (Witten and Bell 1991), the unigram by one added to each count.
Recordings 0 to 4 of each speaker and digit test, all others train.

Four ways to cut the same recordings give four floors, and only the first is of what was recorded alone:
whole; their first 4,096 samples; these with silence behind the shorter ones, which costs next to nothing and
makes every bit cheaper; and windows of 512 that lie within, each begun without a sample before it.  What
stands in brackets is of the samples that are no filling, with all nats counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.io import wavfile

LENGTH, WINDOW, TESTED = 4_096, 512, 5
Cut = Callable[[np.ndarray], list[np.ndarray]]
CUTS: dict[str, Cut] = {
    "whole": lambda wave: [wave],
    "first 4,096": lambda wave: [wave[:LENGTH]],
    "first 4,096, filled": lambda wave: [np.pad(wave[:LENGTH], (0, max(0, LENGTH - len(wave))))],
    "windows of 512": lambda wave: list(wave[: len(wave) // WINDOW * WINDOW].reshape(-1, WINDOW)),
}


def recordings(folder: Path) -> dict[str, list[np.ndarray]]:
    """Waves with full scale 1 of each part."""
    parts: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    for file in sorted(folder.glob("*_*_*.wav")):
        wave = wavfile.read(file)[1].astype(float)
        part = "test" if int(file.stem.split("_")[2]) < TESTED else "train"
        parts[part].append(wave / np.abs(wave).max())
    return parts


def companded(wave: np.ndarray, levels: int) -> np.ndarray:
    """Its μ-law levels, as ITU-T G.711 has them in continuous form."""
    mu = levels - 1
    curve = np.sign(wave) * np.log1p(mu * np.abs(wave)) / np.log1p(mu)
    found: np.ndarray = np.rint((curve + 1) / 2 * mu).astype(np.int64)
    return found


def orders(clips: list[np.ndarray], levels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of all samples: the number of the two before (a beginning is one level more), of one, and their own."""
    padded = [np.concatenate(([levels, levels], clip)) for clip in clips]
    first, second, own = (np.concatenate([p[i : len(p) - 2 + i] for p in padded]) for i in range(3))
    return first * (levels + 1) + second, second, own


def floors(train: list[np.ndarray], test: list[np.ndarray], levels: int) -> Iterator[np.ndarray]:
    """Bits of every test sample by one, two and three of them."""
    wide, short, own = orders(train, levels)
    asked_wide, asked_short, asked = orders(test, levels)
    counts = np.bincount(own, minlength=levels) + 1.0
    chance = (counts / counts.sum())[asked]
    yield -np.log2(chance)
    for context, of, size in (
        (short, asked_short, levels + 1),
        (wide, asked_wide, (levels + 1) ** 2),
    ):
        table = np.bincount(context * levels + own, minlength=size * levels).reshape(size, levels)
        seen, kinds = table.sum(1)[of], (table > 0).sum(1)[of]
        chance = (table[of, asked] + kinds * chance) / np.maximum(seen + kinds, 1) + (seen == 0) * chance
        yield -np.log2(chance)


def main(folder: Path) -> None:
    parts = recordings(folder)
    for levels in (64, 256):
        for name, cut in CUTS.items():
            train, test = (
                [companded(clip, levels) for wave in parts[part] for clip in cut(wave)]
                for part in ("train", "test")
            )
            heard = sum(min(len(wave), LENGTH) for wave in parts["test"])
            said = []
            for bits in floors(train, test, levels):
                of_heard = f" ({bits.sum() / heard:.2f})" if "filled" in name else ""
                said.append(f"{bits.mean():.2f}{of_heard}")
            count = sum(map(len, test))
            print(f"{levels:3} levels  {name:20} {count:9,} samples  1, 2, 3: {'  '.join(said)}")


if __name__ == "__main__":
    given = dict(word.partition("=")[::2] for word in sys.argv[1:])
    main(Path(given.get("data", "data/fsdd/recordings")))
