"""One picture from a file to uint8 (C, H, W): every mode that Pillow reads, scaled and never clipped.

Transparency is laid on a stated background, EXIF orientation is applied, 16-bit grey is divided by 257,
CMYK and LAB become sRGB, palettes are looked up.  Of an animation the first picture is taken.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageOps

GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
DEEP = {"I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
ALPHA = {"RGBA", "LA", "PA", "La", "RGBa"}
ORIENTATION = 0x0112  # EXIF
TURNED = ("JPEG", "TIFF", "WEBP", "MPO")  # formats that may say which side is up
FITS = ("crop", "pad", "stretch")


@dataclass(frozen=True)
class Form:
    """What every picture becomes.

    Attributes:
        fit: how another shape is brought to this one: "crop" the middle of the scaled picture, "pad" the
            scaled picture with the background, "stretch" it; "exact": there is no other shape.
        background: grey level behind transparency and around padding.
    """

    channels: int
    height: int
    width: int
    fit: str = "exact"
    background: int = 255

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width


def to_array(image: Image.Image, form: Form) -> np.ndarray:
    """A picture in a form, uint8 (C, H, W).

    Raises:
        ValueError: it has no finite values, or another shape where the form is exact.
        OSError: Pillow cannot read it.
    """
    return _planes(_fitted(plain(image, form.channels, form.background), form))


def plain(image: Image.Image, channels: int, background: int) -> Image.Image:
    """A picture of mode L or RGB, upright."""
    target = "L" if channels == 1 else "RGB"
    if image.mode != target or "transparency" in image.info or _may_be_turned(image):
        image = ImageOps.exif_transpose(image)
        if image.mode in DEEP:
            image = Image.fromarray(_to_8_bits(np.asarray(image)))
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


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    """Deep grey values as uint8: the scale is the smallest of 1 (floats only), 255 (floats only), 2^16 - 1
    and 2^31 - 1 that holds them, the same for all pictures that it holds.

    Raises:
        ValueError: they are not finite, or negative.
    """
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError("it has values that are negative or not finite")
    tops = (1.0, 255.0, 65_535.0) if values.dtype.kind == "f" else (65_535.0, 2.0**31 - 1)
    top = next((top for top in tops if values.max() <= top), float(values.max()))
    return np.round(values * (255 / top)).astype(np.uint8)


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
    """Two numbers of each picture, of its values and of how it looks: (N, C, H, W) to uint64 (N, 2).

    The second has a bit for each of 8×8 places: whether it is darker than its right neighbour (dHash).
    Pictures that look alike differ in few bits.
    """
    numbers = np.empty((len(pictures), 2), np.uint64)
    for i, picture in enumerate(pictures):
        exact = hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=8).digest()
        numbers[i, 0] = int.from_bytes(exact, "little")
    height, width = pictures.shape[2:]
    grey = pictures.mean(1, dtype=np.float32)
    small = _shares(8, height) @ grey @ _shares(9, width).T  # (N, 8, 9)
    darker = np.round(small[..., 1:], 3) > np.round(small[..., :-1], 3)  # beyond rounding
    numbers[:, 1] = np.packbits(darker.reshape(-1, 64), axis=1).view(np.uint64)[:, 0]
    return numbers


@cache
def _shares(few: int, many: int) -> np.ndarray:
    """What share of each of `few` equal stretches each of `many` places has, (few, many)."""
    edges = np.arange(few + 1)[:, None] * (many / few)
    inside = np.clip(edges - np.arange(many), 0, 1)  # of each place, how much lies before each edge
    return (np.diff(inside, axis=0) * (few / many)).astype(np.float32)
