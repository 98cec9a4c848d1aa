"""Pictures of every mode, suffix and state, as cameras, scanners, browsers and scripts leave them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin, features

from tools.reliability.ordinary.asking import Judge, Situation, images_are

N, SIDE = 12, 8
WORDS = ("data", "pack", "data=image_folder", "data.path={f}/p")
COLOUR = np.random.default_rng(7).integers(0, 256, (N, SIDE, SIDE, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]
ALPHA = COLOUR[..., 1]
SMOOTH = np.stack(  # what compression leaves alone, and what shows which side is up
    [np.linspace(20 + 4 * i, 200 - 4 * i, 64).reshape(8, 8).astype(np.uint8) for i in range(N)]
)
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # EXIF's orientations, as they are to be shown
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: np.rot90(a),
}


def of(pictures: list[Image.Image], suffix: str = "png", **how: object):
    """A folder of these pictures."""

    def make(folder: Path) -> None:
        (folder / "p").mkdir()
        for i, picture in enumerate(pictures):
            picture.save(folder / "p" / f"{i:02}.{suffix}", **how)

    return make


def rgb() -> list[Image.Image]:
    return [Image.fromarray(picture) for picture in COLOUR]


def grey() -> list[Image.Image]:
    return [Image.fromarray(picture) for picture in GREY]


def planes(values: np.ndarray) -> np.ndarray:
    """(N, H, W) or (N, H, W, 3) as (N, C, H, W)."""
    return values[:, None] if values.ndim == 3 else values.transpose(0, 3, 1, 2)


def read(pictures: list[Image.Image], wanted: np.ndarray, *said: str, suffix: str = "png", within: int = 0):
    return Situation(WORDS, 0, said, of(pictures, suffix), images_are(planes(wanted), within=within))


def on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha / 255 if colour.ndim == 3 else alpha[..., None] / 255
    return np.rint(colour * share + 255 * (1 - share))


# ---------------------------------------------------------------------- modes


def _modes() -> dict[str, Situation]:
    bits = GREY > 127
    ramp = np.linspace(0, 65535, N * 64).reshape(N, 8, 8)
    palette = np.random.default_rng(8).integers(0, 256, (256, 3), dtype=np.uint8)
    looked_up = [Image.fromarray(picture).convert("L") for picture in GREY]
    for picture in looked_up:
        picture.putpalette(palette.tobytes())
    see_through = [picture.copy() for picture in looked_up]
    for picture in see_through:
        picture.info["transparency"] = bytes(range(256))
    la = [
        Image.merge("LA", (Image.fromarray(g), Image.fromarray(a))) for g, a in zip(GREY, ALPHA, strict=True)
    ]
    rgba = [Image.fromarray(np.dstack(pair)) for pair in zip(COLOUR, ALPHA, strict=True)]
    inks = np.random.default_rng(9).integers(0, 256, (N, 8, 8, 4), dtype=np.uint8)
    cmyk = [Image.fromarray(picture, "CMYK") for picture in inks]
    printed = np.rint((255 - inks[..., :3].astype(float)) * (255 - inks[..., 3:]) / 255)
    flat = np.array([[[40, 90, 160]]], np.uint8) + np.arange(N, dtype=np.uint8)[:, None, None, None]
    flat = np.broadcast_to(flat, (N, 8, 8, 3)).copy()
    ycc = [Image.fromarray(picture).convert("YCbCr") for picture in flat]
    whole = ramp.astype("i4")
    unit = (ramp / 65535).astype("f4")
    twelve = (ramp / 16).astype("u2")  # no value above 4,095 of 65,535
    return {
        "L": read(grey(), GREY),
        "RGB": read(rgb(), COLOUR),
        "1": read([Image.fromarray(picture) for picture in bits], bits * 255),
        "P": read(looked_up, palette[GREY]),
        "P with transparency": read(see_through, on_white(palette[GREY], GREY), "transparency", within=1),
        "LA": read(la, on_white(GREY, ALPHA), "transparency", within=1),
        "RGBA": read(rgba, on_white(COLOUR, ALPHA), "transparency", within=1),
        "RGBA in WebP": Situation(
            WORDS,
            0,
            ("transparency",),
            of(rgba, "webp", lossless=True, exact=True),
            images_are(planes(on_white(COLOUR, ALPHA)), within=1),
        ),
        "a colour that is transparent": Situation(
            WORDS, 0, ("transparency",), of(rgb(), transparency=(1, 2, 3)), images_are(planes(COLOUR))
        ),
        "16 bit": read(
            [Image.fromarray(p) for p in ramp.astype("u2")], np.rint(ramp.astype("u2") / 257), "16 or 32 bits"
        ),
        "16 bit in TIFF": read(
            [Image.fromarray(p) for p in ramp.astype("u2")], np.rint(ramp.astype("u2") / 257), suffix="tif"
        ),
        "12 of 16 bit": read(
            [Image.fromarray(p) for p in twelve], np.rint(twelve / 257), "dark", "data.range=[0,4095]"
        ),
        "32 bit in TIFF": read(
            [Image.fromarray(p) for p in whole], np.rint(whole / 257), "65535 white", suffix="tif"
        ),
        "floats in TIFF": read(
            [Image.fromarray(p) for p in unit], np.rint(unit.astype(float) * 255), "1 white", suffix="tif"
        ),
        "CMYK in TIFF": read(cmyk, printed, "converted to RGB", suffix="tif", within=1),
        "YCbCr in JPEG": read(ycc, flat, suffix="jpg", within=3),
        "48 bit": Situation(WORDS, 0, (), _of_48_bits, images_are(planes(COLOUR), within=1)),
        "grey among colour": read(
            [*grey()[:3], *rgb()[3:]],
            np.concatenate([np.repeat(GREY[:3, ..., None], 3, -1), COLOUR[3:]]),
            "3 are grey among colour",
        ),
        "one of colour among grey": Situation(
            WORDS, 0, ("1 of 12 have colour", "data.channels=1"), of([*grey()[:11], rgb()[11]])
        ),
    }


def _of_48_bits(folder: Path) -> None:
    """PNGs of 16 bits a channel, which Pillow cannot write."""
    (folder / "p").mkdir()
    for i, picture in enumerate(COLOUR):
        lines = b"".join(b"\0" + (row.astype(">u2") * 257).astype(">u2").tobytes() for row in picture)
        chunks = {
            b"IHDR": struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0),
            b"IDAT": zlib.compress(lines),
            b"IEND": b"",
        }
        body = b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks.items()
        )
        (folder / "p" / f"{i:02}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)


# ---------------------------------------------------------------------- files


def _suffixes() -> dict[str, Situation]:
    found = {}
    for suffix in ("png", "PNG", "bmp", "tif", "tiff", "ppm", "tga", "pnm"):
        found[f".{suffix}"] = read(rgb(), COLOUR, suffix=suffix)
    smooth = [Image.fromarray(picture) for picture in SMOOTH]
    for suffix in ("jpg", "jpeg", "JPG", "jfif"):
        found[f".{suffix}"] = read(smooth, SMOOTH, suffix=suffix, within=8)
    found[".webp"] = Situation(WORDS, 0, (), of(rgb(), "webp", lossless=True), images_are(planes(COLOUR)))
    found[".gif"] = read(grey(), np.repeat(GREY[..., None], 3, -1), suffix="gif")
    found[".pgm"] = read(grey(), GREY, suffix="pgm")
    found[".jp2"] = read(grey(), GREY, suffix="jp2")
    if features.check("avif"):
        found[".avif"] = read(
            [Image.fromarray(picture) for picture in np.repeat(SMOOTH[..., None], 3, -1)],
            np.repeat(SMOOTH[..., None], 3, -1),
            suffix="avif",
            within=12,
        )
    found["a JPEG called .png"] = Situation(
        WORDS, 0, (), of(smooth, "png", format="JPEG"), images_are(planes(SMOOTH), within=8)
    )
    found["progressive JPEG"] = Situation(
        WORDS, 0, (), of(smooth, "jpg", progressive=True), images_are(planes(SMOOTH), within=8)
    )
    return found


def _turned() -> dict[str, Situation]:
    found = {}
    for number, turn in TURNS.items():
        exif = Image.Exif()
        exif[0x0112] = number
        upright = np.stack([turn(picture) for picture in GREY])
        how = images_are(planes(upright))
        found[f"EXIF {number} in PNG"] = Situation(WORDS, 0, (), of(grey(), "png", exif=exif), how)
        smooth = [Image.fromarray(picture) for picture in SMOOTH]
        upright = np.stack([turn(picture) for picture in SMOOTH])
        how = images_are(planes(upright), within=8)
        found[f"EXIF {number} in JPEG"] = Situation(WORDS, 0, (), of(smooth, "jpg", exif=exif), how)
    return found


def _moving() -> dict[str, Situation]:
    def moving(suffix: str, **how: object):
        def make(folder: Path) -> None:
            (folder / "p").mkdir()
            frames = grey() if suffix == "gif" else rgb()
            for i in range(N):
                others = [frames[(i + k) % N] for k in (1, 2)]
                name = folder / "p" / f"{i:02}.{suffix}"
                frames[i].save(name, save_all=True, append_images=others, **how)

        return make

    colour, said = images_are(planes(COLOUR)), ("12 are animations", "first picture")
    return {
        "an animated GIF": Situation(
            WORDS, 0, said, moving("gif"), images_are(planes(np.repeat(GREY[..., None], 3, -1)))
        ),
        "an animated PNG": Situation(WORDS, 0, said, moving("png"), colour),
        "an animated WebP": Situation(WORDS, 0, said, moving("webp", lossless=True), colour),
        "a TIFF of three pages": Situation(WORDS, 0, said, moving("tif"), colour),
    }


def _broken() -> dict[str, Situation]:
    """One picture of thirteen that cannot be read."""
    big = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))

    def cut(suffix: str):
        def make(folder: Path) -> None:
            of([big] * N)(folder)
            file = folder / "p" / f"zz.{suffix}"
            big.save(file)
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

        return make

    def beside(name: str, content: bytes):
        def make(folder: Path) -> None:
            of([big] * N)(folder)
            (folder / "p" / name).write_bytes(content)

        return make

    found: dict[str, Situation] = {}
    for suffix in ("png", "jpg", "bmp", "tif", "webp", "gif"):
        found[f"half a .{suffix}"] = Situation(WORDS, 4, (f"zz.{suffix}", "on_bad=skip"), cut(suffix))
        skipping = (*WORDS, "data.on_bad=skip")
        found[f"half a .{suffix}, skipped"] = Situation(
            skipping, 0, (f"zz.{suffix}",), cut(suffix), _twelve_are_good
        )
    bomb = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = struct.pack(">I", 13) + b"IHDR" + bomb + struct.pack(">I", zlib.crc32(b"IHDR" + bomb))
    for name, (file, content) in {
        "an empty file": ("zz.png", b""),
        "a page": ("zz.jpg", b"<!doctype html><title>404</title>"),
        "a pointer of Git's": (
            "zz.png",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        ),
        "a picture of 10 GB": ("zz.png", b"\x89PNG\r\n\x1a\n" + bomb + b"\0" * 64),
        "an SVG called .png": ("zz.png", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    }.items():
        found[name] = Situation(WORDS, 4, (file, "on_bad=skip"), beside(file, content))
    for name, file in {
        "HEIC beside": "zz.heic",
        "SVG beside": "zz.svg",
        "raw beside": "zz.CR2",
        "a film beside": "zz.mp4",
        "captions beside": "zz.txt",
        "a table beside": "labels.csv",
        "Windows' thumbnails": "Thumbs.db",
        "without a suffix": "zz",
    }.items():
        found[name] = Situation(WORDS, 0, ("1 files beside 12", file), beside(file, b"\0\0\0 ftypheic"))
    for name, file in {"Apple's second file": "._zz.png", "Apple's": ".DS_Store"}.items():
        found[name] = Situation(WORDS, 0, (), beside(file, b"\0\5\x16\7"), _twelve_are_good)
    found["a hidden picture"] = Situation(WORDS, 0, ("hidden", ".zz.png"), beside(".zz.png", b"\0"))
    return found


def _twelve_are_good(folder: Path, answer: object) -> None:
    (file,) = (folder / "cache").rglob("good.npy")
    assert len(np.load(file)) == N


def _sizes() -> dict[str, Situation]:
    def sizes(*shapes: tuple[int, int]):
        return of([Image.new("RGB", shapes[i % len(shapes)], (9 * i, 200, 30)) for i in range(N)])

    def are(side: int) -> Judge:
        wanted = np.zeros((N, 3, side, side), int)
        wanted[:] = (np.stack([9 * np.arange(N), np.full(N, 200), np.full(N, 30)], 1))[..., None, None]
        return images_are(wanted, within=1)

    mixed = sizes((8, 8), (12, 12), (16, 8))
    found = {
        "several sizes": Situation(WORDS, 4, ("3 sizes", "data.fit="), mixed),
        "several sizes, a size alone": Situation((*WORDS, "data.size=8"), 4, ("data.fit=",), mixed),
        "wide ones": Situation((*WORDS, "data.size=8"), 4, ("16×8", "data.fit="), sizes((16, 8))),
        "larger ones": Situation((*WORDS, "data.size=8"), 0, (), sizes((32, 32)), are(8)),
        "smaller ones": Situation((*WORDS, "data.size=16"), 0, ("enlarged",), sizes((8, 8)), are(16)),
    }
    for fit in ("crop", "stretch"):
        words = (*WORDS, "data.size=8", f"data.fit={fit}")
        found[f"several sizes, {fit}"] = Situation(words, 0, (), mixed, are(8))
    words = (*WORDS, "data.size=8", "data.fit=pad")
    found["several sizes, pad"] = Situation(words, 0, (), mixed)
    found["a photograph of 300×200 for a DCGAN"] = Situation(
        ("data", "look", *WORDS[2:], "model=dcgan"), 4, ("300×200", "data.fit="), sizes((300, 200))
    )
    return found


def _names() -> dict[str, Situation]:
    odd = (
        ["mit Leerzeichen.png", "图片 一.png", "emoji😀.png", "[bold]red.png", "new\nline.png", "100%.png"],
        ["a.b.c.png", "-dash.png", "'quote'.png", "comma,.png", "=x.png", "#.png"],
    )

    def named(folder: Path) -> None:
        (folder / "p").mkdir()
        for name, picture in zip([name for some in odd for name in some], rgb(), strict=True):
            picture.save(folder / "p" / name)

    def placed(name: str):
        def make(folder: Path) -> None:
            (folder / name).mkdir()
            for i, picture in enumerate(rgb()):
                picture.save(folder / name / f"{i:02}.png")

        return make

    found = {"names of every kind": Situation(WORDS, 0, (), named, _twelve_are_good)}
    for name in ("with blank", "图片", "a,b", "a=b", "it's", "[x]", "$HOME", "100%", "{a}", "a#b", 'a"b'):
        words = (*WORDS[:-1], f"data.path={{f}}/{name}")
        found[f"a folder called {name}"] = Situation(words, 0, (), placed(name), images_are(planes(COLOUR)))
    same = [Image.new("RGB", (8, 8), (9, 9, 9))] * N
    found["all the same"] = Situation(WORDS, 0, ("same",), of(same))
    text = PngImagePlugin.PngInfo()
    text.add_text("prompt", "x" * 100_000, zip=True)
    found["long text within"] = Situation(
        WORDS, 0, (), of(rgb(), "png", pnginfo=text), images_are(planes(COLOUR))
    )
    return found


SITUATIONS = {
    **{f"pictures of mode {name}": situation for name, situation in _modes().items()},
    **{
        f"pictures: {name}": situation
        for some in (_suffixes(), _turned(), _moving(), _broken(), _sizes(), _names())
        for name, situation in some.items()
    },
}
