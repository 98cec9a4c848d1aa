"""Samples of four families on four media in one picture, made of files of the experiments.

    python experiments/055_four_media/sheet.py [out=docs/_static] [font=FILE]

`samples.png`, and `banner.png`, a low picture of the first of them.  Columns are families, rows media; of
every file the first tiles are taken, none picked.  The font has to hold Chinese characters.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib import colormaps, get_data_path
from PIL import Image, ImageDraw, ImageFont
from scipy.io import wavfile
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FONT = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"
TILE, GAP, SCALE = 32, 1, 2  # pixels of a tile and between two, and by how much all are enlarged
ACROSS, DOWN = 8, 4
WIDTH, HEIGHT = (SCALE * (count * (TILE + GAP) - GAP) for count in (ACROSS, DOWN))
LEFT, TOP, SPACE, WORDS = 20, 84, 24, 30  # margins, between cells, under each for what it shows
INK, FAINT, PAPER = "#1c2733", "#5b6b7b", "#ffffff"
FAMILIES, SOUNDS, FEW = ("GPT", "GAN", "VAE", "flow"), "sounds", 4  # (tiles of a cell of the banner)
CLIPS, TEXT = "four clips, their eight frames", "a poem after the Tang’s, by a GPT"
DIGITS = ("one", "four", "seven")
POEM = "未向貧家本不識，遊妨豈得此心般。白頭薄淡枕前去，直道菲萋鐘裏來。"

Rows = dict[str, list[tuple[Image.Image, str]]]
Fonts = dict[int, ImageFont.FreeTypeFont]


def grid(
    path: Path, side: int, line: int, columns: int, first: int = 0, frame: int | None = None
) -> Image.Image:
    """ACROSS × DOWN tiles of a sheet from its row `first` on; of a clip one, as its frames."""
    sheet = Image.open(path)
    found = []
    for index in range(ACROSS * DOWN):
        which, moment = (index, 0) if frame is None else divmod(index, ACROSS)
        if frame is not None:
            sheet.seek(moment)
        row, column = divmod(which, columns)
        x, y = line + column * (side + line), line + (row + first) * (side + line)
        found.append(sheet.convert("RGB").crop((x, y, x + side, y + side)))
    return tiled(found)


def tiled(tiles: list[Image.Image]) -> Image.Image:
    cell = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    size, step = TILE * SCALE, (TILE + GAP) * SCALE
    for index, tile in enumerate(tiles):
        whole = tile.width and size % tile.width == 0
        drawn = tile.resize((size, size), Image.Resampling.NEAREST if whole else Image.Resampling.LANCZOS)
        cell.paste(drawn, (index % ACROSS * step, index // ACROSS * step))
    return cell


def characters(path: Path) -> Image.Image:
    """Restyled characters: the first eight in four fonts; the sheet's first row is what was given."""
    sheet = Image.open(path).convert("RGB")
    side = sheet.width // 12
    corners = [(column * side, side + 3 + row * side) for row in (0, 1, 3, 7) for column in range(ACROSS)]
    return tiled([sheet.crop((x, y, x + side, y + side)) for x, y in corners])


def spectra(paths: list[Path]) -> Image.Image:
    """Three sounds beside one another as spectrograms of 60 dB."""
    each = (WIDTH - 2 * (len(paths) - 1) * GAP * SCALE) // len(paths)
    cell = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    for index, path in enumerate(paths):
        rate, wave = wavfile.read(path)
        power = ShortTimeFFT(hann(256), 32, rate).spectrogram(wave.astype(float))
        decibels = 10 * np.log10(power / power.max() + 1e-9)
        shown = colormaps["magma"](np.clip(decibels / 60 + 1, 0, 1))[::-1, :, :3]
        picture = Image.fromarray((shown * 255).astype(np.uint8)).resize(
            (each, HEIGHT), Image.Resampling.BICUBIC
        )
        cell.paste(picture, (index * (each + 2 * GAP * SCALE), 0))
    return cell


def cells() -> Rows:
    """Rows: each family's cell and what it shows."""
    of = HERE.parent
    sound = {
        name: [folder / f"fsdd_{run}_mel_{digit}.wav" for digit in DIGITS]
        for name, run, folder in (
            ("GPT", "gpt", of / "041_sound"),
            ("GAN", "dcgan", of / "041_sound"),
            ("VAE", "vae", of / "041_sound"),
            ("flow", "flow", HERE),
        )
    }
    spoken = "“one”, “four”, “seven”"
    moving = of / "044_moving_digits"
    return {
        "pictures": [
            (grid(HERE / "gpt_photographs.png", 32, 1, 10), "photographs, by codes"),
            (grid(of / "051_gan_then_and_now" / "colour_gan.png", 32, 1, 8), "photographs"),
            (characters(of / "053_glyphs" / "restyled.png"), "characters, restyled"),
            (grid(HERE / "flow_digits.png", 28, 1, 6), "digits, guidance=2"),
        ],
        SOUNDS: [(spectra(paths), spoken) for paths in sound.values()],
        "moving pictures": [
            (grid(moving / "gpt.gif", 32, 2, 4, frame=0), CLIPS),
            (grid(moving / "dcgan.gif", 32, 2, 4, frame=0), "likewise"),
            (grid(moving / "vae.gif", 32, 2, 4, frame=0), "likewise"),
            (grid(HERE / "flow_moving.gif", 32, 2, 5, frame=0), "likewise, not yet steady"),
        ],
    }


def whole(rows: Rows, font: Fonts, chinese: ImageFont.FreeTypeFont) -> Image.Image:
    """All of every cell, media below one another."""
    width = 2 * LEFT + 4 * WIDTH + 3 * SPACE
    height = TOP + len(rows) * (34 + HEIGHT + WORDS + SPACE) + 120
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, family in enumerate(FAMILIES):
        x = LEFT + column * (WIDTH + SPACE)
        draw.text((x, 20), family, INK, font[28])
    y = TOP - 10
    for medium, row in rows.items():
        draw.text((LEFT, y), medium, INK, font[22])
        y += 34
        for column, (cell, words_of) in enumerate(row):
            x = LEFT + column * (WIDTH + SPACE)
            sheet.paste(cell, (x, y))
            draw.text((x, y + HEIGHT + 6), words_of, FAINT, font[18])
        y += HEIGHT + WORDS + SPACE
    draw.text((LEFT, y), "texts", INK, font[22])
    draw.text((LEFT, y + 36), POEM, INK, chinese)
    draw.text((LEFT, y + 80), TEXT, FAINT, font[18])
    return sheet


def banner(rows: Rows, font: Fonts, chinese: ImageFont.FreeTypeFont) -> Image.Image:
    """Of every cell what stands first, as low as a page's head may be: media are named on the left."""
    side, high, across = 216, TILE * SCALE, SCALE * (FEW * (TILE + GAP) - GAP)
    sheet = Image.new("RGB", (side + 4 * (across + SPACE), 74 + len(rows) * (high + 44) + 42), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, family in enumerate(FAMILIES):
        draw.text((side + column * (across + SPACE), 8), family, INK, font[28])
    y = 52
    for medium, row in rows.items():
        draw.text((LEFT, y + 18), medium, INK, font[22])
        for column, (cell, words_of) in enumerate(row):
            x = side + column * (across + SPACE)
            first = cell.resize((across, high), Image.Resampling.BICUBIC) if medium == SOUNDS else cell
            sheet.paste(first.crop((0, 0, across, high)), (x, y))
            draw.text((x, y + high + 4), words_of.replace(CLIPS, "a clip, its first frames"), FAINT, font[18])
        y += high + 44
    draw.text((LEFT, y + 6), "texts", INK, font[22])
    draw.text((side, y), POEM, INK, chinese)
    draw.text((side, y + 38), TEXT, FAINT, font[18])
    return sheet


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    latin = Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    font = {size: ImageFont.truetype(latin, size) for size in (18, 22, 28)}
    chinese = ImageFont.truetype(given.get("font", FONT), 30)
    out, rows = Path(given.get("out", ROOT / "docs" / "_static")), cells()
    out.mkdir(parents=True, exist_ok=True)
    for name, made in (("samples", whole), ("banner", banner)):
        made(rows, font, chinese).quantize(256).save(out / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
