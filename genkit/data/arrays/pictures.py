"""One picture from a file to uint8 (C, H, W): every mode that Pillow reads, scaled and never clipped.

Transparency is laid on a stated background, EXIF orientation is applied, 16-bit grey is divided by 257,
32-bit grey is scaled as all pictures of its dataset are, CMYK and LAB become sRGB, palettes are looked up.
Of an animation the first picture is taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from genkit.data.arrays.ranges import DARK, given
from genkit.system.errors import ConfigError

GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
DEEP = {"I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
ALPHA = {"RGBA", "LA", "PA", "La", "RGBa"}
ORIENTATION = 0x0112  # EXIF
TURNED = ("JPEG", "TIFF", "WEBP", "MPO")  # formats that may say which side is up
MOVING = (
    "PNG",
    "TIFF",
    "WEBP",
    "AVIF",
)  # formats with several pictures, beside GIF; of MPO they are previews
FITS = ("crop", "pad", "stretch")


@dataclass(frozen=True)
class Form:
    """What every picture becomes.

    Attributes:
        fit: how another shape is brought to this one: "crop" the middle of the scaled picture, "pad" the
            scaled picture with the background, "stretch" it; "exact": there is no other shape.
        background: grey level behind transparency and around padding.
        ranges: the values that are black and white, of each deep kind (see `deep_kind`) of the dataset.
    """

    channels: int
    height: int
    width: int
    fit: str = "exact"
    background: int = 255
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width


def to_array(image: Image.Image, form: Form) -> np.ndarray:
    """A picture in a form, uint8 (C, H, W).

    Raises:
        ValueError: it has values outside the range of its kind, or another shape where the form is exact.
        OSError: Pillow cannot read it.
    """
    return _planes(_fitted(plain(image, form), form))


def plain(image: Image.Image, form: Form) -> Image.Image:
    """A picture of mode L or RGB, upright."""
    target = "L" if form.channels == 1 else "RGB"
    background = form.background
    if image.mode != target or "transparency" in image.info or _may_be_turned(image):
        image = ImageOps.exif_transpose(image)
        if image.mode in DEEP:
            image = Image.fromarray(
                _to_8_bits(np.asarray(image), *form.ranges.get(deep_kind(image.mode), (0, 1)))
            )
        elif image.mode in ALPHA or "transparency" in image.info:
            whole = image.convert("RGBA")
            behind = Image.new("RGBA", whole.size, (background, background, background, 255))
            image = Image.alpha_composite(behind, whole).convert("RGB")
        elif image.mode == "LAB":
            image = _from_lab(image)
    return image if image.mode == target else image.convert(target)


def _may_be_turned(image: Image.Image) -> bool:
    """Whether it is worth asking; a PNG would be decoded for the answer unless it has said so by now."""
    return image.format in TURNED or "exif" in image.info


def deep_kind(mode: str) -> str:
    """What a deep mode is in words: of one kind all pictures of a dataset are scaled alike."""
    return {"I": "32-bit", "F": "float"}.get(mode, "16-bit")


def deep_ranges(
    found: Mapping[str, tuple[float, float]], asked: tuple[float, float] | None
) -> dict[str, tuple[float, float]]:
    """The values that are black and white, of each deep kind of a dataset.

    0 is black.  White is 65,535 of 16 bits and 1 of floats that go no further; else 255 or 65,535 where the
    largest value of all comes near it, or that value.  `data.range` goes before.

    Args:
        found: the smallest and the largest value of all pictures of each kind.
        asked: `data.range`.

    Raises:
        ConfigError: `data.range` for pictures that have none.
    """
    if (asked := given(asked)) is not None:
        if not found:
            raise ConfigError(
                f"data.range=[{asked[0]:g},{asked[1]:g}]: the pictures have 8 bits, no range; leave it out."
            )
        return dict.fromkeys(found, asked)
    ranges: dict[str, tuple[float, float]] = {}
    for kind, (_, high) in found.items():
        white = 65_535.0 if kind == "16-bit" else 1.0 if kind == "float" and high <= 1 else 0.0
        usual = (top for top in (255.0, 65_535.0) if DARK * top < high <= top)
        ranges[kind] = 0.0, white or next(usual, max(high, 1.0))
    return ranges


def deep_remarks(
    found: Mapping[str, tuple[float, float]],
    ranges: Mapping[str, tuple[float, float]],
    asked: tuple[float, float] | None,
) -> list[str]:
    """What is to be said of the ranges: those found by values, and values that use little of them."""
    said = []
    for kind, (low, high) in found.items():
        black, white = ranges[kind]
        if kind != "16-bit" or asked is not None:
            said.append(
                f"the {kind} ones hold values from {low:g} to {high:g}: {black:g} is black, {white:g} white"
                + (" for all of them; data.range=[black,white] says otherwise" if asked is None else "")
            )
        if high - black < DARK * (white - black):
            said.append(
                f"the {kind} ones are dark, no value is above {high:g} of {white:g}; data.range=[0,{high:g}]"
                " makes the largest white"
            )
    return said


def _to_8_bits(values: np.ndarray, black: float, white: float) -> np.ndarray:
    """Deep grey values as uint8.

    Raises:
        ValueError: they are not finite, or outside the range.
    """
    if not np.isfinite(values).all():
        raise ValueError("it has values that are not finite")
    if values.min() < black or values.max() > white:
        raise ValueError(
            f"it has values from {values.min():g} to {values.max():g}, outside {black:g} (black) to"
            f" {white:g} (white); set data.range"
        )
    return np.round((values - black) * (255 / (white - black))).astype(np.uint8)


def is_moving(image: Image.Image) -> bool:
    """Whether further pictures follow the first: frames of an animation, or pages."""
    if image.format == "GIF":  # (to count its frames all are read)
        return bool(getattr(image, "is_animated", False))
    return image.format in MOVING and getattr(image, "n_frames", 1) > 1


@cache
def _lab_transform() -> Any:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    converted = ImageCms.applyTransform(image, _lab_transform())
    assert converted is not None
    return converted


def _fitted(image: Image.Image, form: Form) -> Image.Image:
    size = form.width, form.height
    if image.size == size:
        return image
    if form.fit == "exact":
        raise ValueError(f"it is {image.width}×{image.height}, the others are {form.width}×{form.height}")
    method = Image.Resampling.BICUBIC
    if form.fit == "stretch":
        return image.resize(size, method)
    if form.fit == "crop":
        return ImageOps.fit(image, size, method)
    return ImageOps.pad(image, size, method, color=(form.background,) * len(image.getbands()))


def _planes(image: Image.Image) -> np.ndarray:
    values = np.asarray(image)
    return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)


def measure(image: Image.Image) -> tuple[int, int, str]:
    """Width and height of the upright picture, and its mode (with A where a colour stands for transparent).

    Reads the header alone.
    """
    width, height = image.size
    if _may_be_turned(image) and image.getexif().get(ORIENTATION, 1) >= 5:
        width, height = height, width
    mode = image.mode
    if "transparency" in image.info:
        mode = {"P": "PA", "RGB": "RGBA"}.get(mode, "LA")
    return width, height, mode


def hashes(pictures: np.ndarray) -> np.ndarray:
    """Two numbers of each array, of its values and of how it looks: (N, C, *sizes) to uint64 (N, 2).

    The second has a bit for each of 8×8 places: whether it is darker than its right neighbour (dHash).  An
    array of one or three axes is looked at as a picture whose rows are its first axis.
    Pictures that look alike differ in few bits.
    """
    numbers = np.empty((len(pictures), 2), np.uint64)
    for i, picture in enumerate(pictures):
        exact = hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=8).digest()
        numbers[i, 0] = int.from_bytes(exact, "little")
    grey = pictures.mean(1, dtype=np.float32).reshape(len(pictures), pictures.shape[2], -1)
    height, width = grey.shape[1:]
    small = _shares(8, height) @ grey @ _shares(9, width).T  # (N, 8, 9)
    darker = np.round(small[..., 1:], 3) > np.round(small[..., :-1], 3)  # beyond rounding
    numbers[:, 1] = np.packbits(darker.reshape(-1, 64), axis=1).view(np.uint64)[:, 0]
    return numbers


@cache
def _shares(few: int, many: int) -> np.ndarray:
    """What share of each of `few` equal stretches each of `many` places has, (few, many)."""
    edges = np.arange(few + 1)[:, None] * (many / few)
    inside = np.clip(edges - np.arange(many), 0, 1)  # of each place, how much lies before each edge
    shares: np.ndarray = np.diff(inside, axis=0) * (few / many)
    return shares.astype(np.float32)
