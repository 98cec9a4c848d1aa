"""Samples of every family on every medium under the largest budget, in one picture.

    python experiments/056_families_by_medium/sheet.py [study=runs/families_by_medium] [budget=1e+12] [seed=0]

`samples.png`, of the media that have run under it: of each arm the training of that seed, its first samples
of seed 0, none picked.  The eight frames of a clip stand beside one another, four clips below one another;
sounds are spectrograms of 60 dB.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib import colormaps, get_data_path
from PIL import Image, ImageDraw, ImageFont
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

import genkit

HERE = Path(__file__).parent
MEDIA = {
    "digits": "digits, 8×8",
    "plucks": "plucks: plucked strings",
    "spoken_digits": "spoken digits",
    "moving_digits": "moving digits, 8 frames of 16×16",
    "emoji": "emoji, 32×32",
}
FAMILIES = {"gpt": "GPT", "gan": "GAN", "vae": "VAE", "flow": "flow"}
WIDTH, HEIGHT, GAP = 264, 132, 2  # pixels of a cell, and between what stands in it
LEFT, TOP, SPACE, WORDS = 20, 50, 22, 30
INK, PAPER = "#1c2733", "#ffffff"


def spectrogram(wave: np.ndarray) -> np.ndarray:
    """A sound, int16 (samples,), as a picture of 60 dB, uint8 (frequencies, times, 3)."""
    power = ShortTimeFFT(hann(256), 32, 1).spectrogram(wave.astype(float))
    decibels = 10 * np.log10(power / max(power.max(), 1e-9) + 1e-9)
    return (colormaps["magma"](np.clip(decibels / 60 + 1, 0, 1))[::-1, :, :3] * 255).astype(np.uint8)


def tiles(arrays: np.ndarray) -> tuple[list[np.ndarray], tuple[int, int]]:
    """Pictures of samples, and how many stand beside and below one another in a cell."""
    if arrays.ndim == 3:
        return [spectrogram(wave[0]) for wave in arrays[:4]], (4, 1)
    if arrays.ndim == 5:
        return [np.moveaxis(clip[:, frame], 0, -1) for clip in arrays[:4] for frame in range(8)], (8, 4)
    return [np.moveaxis(picture, 0, -1) for picture in arrays[:8]], (4, 2)


def cell(arrays: np.ndarray) -> Image.Image:
    """The first samples of a run, as many as there is room for."""
    found, (across, down) = tiles(arrays)
    made = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    size = (WIDTH // across - GAP, HEIGHT // down - GAP)
    for index, tile in enumerate(found):
        picture = Image.fromarray(tile[..., 0] if tile.shape[-1] == 1 else tile).convert("RGB")
        smooth = Image.Resampling.BICUBIC if arrays.ndim == 3 else Image.Resampling.NEAREST
        row, column = divmod(index, across)
        made.paste(picture.resize(size, smooth), (column * (size[0] + GAP), row * (size[1] + GAP)))
    return made


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    study = Path(given.get("study", "runs/families_by_medium"))
    budget, seed = given.get("budget", "1e+12"), given.get("seed", "0")
    media = {block: name for block, name in MEDIA.items() if (study / f"{block}-{budget}").is_dir()}
    font = ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), 18)
    size = (
        2 * LEFT + len(FAMILIES) * (WIDTH + SPACE) - SPACE,
        TOP + len(media) * (WORDS + HEIGHT + SPACE),
    )
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(FAMILIES.values()):
        draw.text((LEFT + column * (WIDTH + SPACE), 14), name, INK, font)
    for row, (block, name) in enumerate(media.items()):
        y = TOP + row * (WORDS + HEIGHT + SPACE)
        draw.text((LEFT, y), name, INK, font)
        for column, family in enumerate(FAMILIES):
            model = genkit.load(study / f"{block}-{budget}" / f"{family}-{seed}")
            options = {"steps": 8} if family == "flow" else {}
            arrays = model.sample(8, seed=0, **options).arrays
            sheet.paste(cell(arrays), (LEFT + column * (WIDTH + SPACE), y + WORDS))
    sheet.quantize(256).save(HERE / "samples.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
