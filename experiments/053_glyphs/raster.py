"""Draw the pictures of `data=glyphs`, which genkit ships, from fonts that matplotlib ships.

    python experiments/053_glyphs/raster.py [out=FOLDER]

writes `glyphs_28.png` and `glyphs_16.png`, a row for each character and a column for each font, 16 levels of
grey, and prints the characters: letters and digits that all of the fonts have and of which no two, and no two
fonts of one, are drawn alike (Α is A).
"""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import matplotlib
import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from genkit.data.sources.glyphs import FONTS, LEVELS

HERE = Path(__file__).parent
FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FILES = {
    "sans": "DejaVuSans",
    "sans_bold": "DejaVuSans-Bold",
    "sans_oblique": "DejaVuSans-Oblique",
    "serif": "DejaVuSerif",
    "serif_bold": "DejaVuSerif-Bold",
    "serif_italic": "DejaVuSerif-Italic",
    "mono": "DejaVuSansMono",
    "times": "STIXGeneral",
}
FINE = 112  # pixels a side before they are averaged: 4 × 28 and 7 × 16
EM, BASE = 74, 84  # of the fonts, and the line on which letters stand, in those pixels
APART = 0.9  # at least, of two pictures of 28×28 with levels from 0 to 1, as a length


def shared(fonts: dict[str, str]) -> list[str]:
    """Letters and digits that every font has, ASCII first."""
    tables = [set(TTFont(FOLDER / f"{file}.ttf").getBestCmap()) for file in fonts.values()]
    every = sorted(set.intersection(*tables))
    return [chr(code) for code in every if unicodedata.category(chr(code)) in ("Lu", "Ll", "Nd")]


def drawn(character: str, font: ImageFont.FreeTypeFont) -> np.ndarray | None:
    """It in white on black, (112, 112) from 0 to 1, in the middle by the room that it takes in a line; None
    where it does not fit."""
    picture = Image.new("L", (FINE, FINE))
    left, top, right, bottom = font.getbbox(character, anchor="ms")
    shift = FINE / 2 - (left + right) / 2
    if right - left > FINE - 6 or BASE + top < 2 or BASE + bottom > FINE - 2:
        return None
    ImageDraw.Draw(picture).text((shift, BASE), character, fill=255, font=font, anchor="ms")
    return np.asarray(picture) / 255


def brought(fine: np.ndarray, side: int) -> np.ndarray:
    """Means of blocks: (…, 112, 112) to (…, side, side)."""
    step = FINE // side
    return fine.reshape(*fine.shape[:-2], side, step, side, step).mean((-3, -1))


def distinct(pictures: dict[str, np.ndarray]) -> list[str]:
    """Characters whose pictures differ from those of all that come before, font by font, and from one
    another."""
    kept: list[str] = []
    known = np.zeros((0, len(FONTS), 28 * 28))
    for character, fine in pictures.items():
        own = brought(fine, 28).reshape(len(FONTS), -1)
        among = np.linalg.norm(own[:, None] - own[None], axis=-1)[np.triu_indices(len(FONTS), 1)]
        others = np.linalg.norm(known[:, None, :, :] - own[None, :, None, :], axis=-1)  # all fonts with all
        if among.min() >= APART and (not len(known) or others.min() >= APART):
            kept.append(character)
            known = np.concatenate([known, own[None]])
    return kept


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    out = Path(given.get("out", HERE))
    fonts = [ImageFont.truetype(FOLDER / f"{file}.ttf", EM) for file in (FILES[name] for name in FONTS)]
    pictures = {}
    for character in shared(FILES):
        each = [drawn(character, font) for font in fonts]
        if all(one is not None for one in each):
            pictures[character] = np.stack(each)
    kept = distinct(pictures)
    for side in (28, 16):
        levels = np.rint(brought(np.stack([pictures[c] for c in kept]), side) * (LEVELS - 1))
        sheet = levels.transpose(0, 2, 1, 3).reshape(len(kept) * side, len(FONTS) * side)
        file = out / f"glyphs_{side}.png"
        Image.fromarray((sheet * (255 // (LEVELS - 1))).astype(np.uint8)).save(file, optimize=True)
        print(f"{file}: {file.stat().st_size:,} bytes")
    print(f"{len(kept)} of {len(pictures)} characters\n{''.join(kept)}")


if __name__ == "__main__":
    main(sys.argv[1:])
