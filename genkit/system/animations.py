"""Moving pictures as GIF and as lossless WebP, with where they come from; every frame is there.

Pillow compresses single pictures; how they stand in a file is written here, because Pillow's own writers join
equal neighbours into one frame that lasts longer, of which some readers make fewer.  Of each frame the file
has the rectangle that changes, one pixel where nothing does, and all frames last equally long.

Legend: H height, W width, C channels, 1 or 3.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from PIL import Image

from genkit.system.errors import ConfigError

COLOURS = 256  # that a frame of a GIF can have
# Frames that shall last less are slowed down by browsers, to a tenth of a second.
SHORTEST_GIF, SHORTEST_WEBP = 2, 11  # in a hundredth and a thousandth of a second
LONGEST_GIF, LONGEST_WEBP = 2**16 - 1, 2**24 - 1
WIDEST_GIF, WIDEST_WEBP = 2**16 - 1, 2**14 - 1  # pixels
GREYS = 0xF7  # of a GIF's header: 256 colours, of all frames
OWN_COLOURS, KEEP = 0x80, 1 << 2  # of a GIF's frame; what it does not cover stays
ANIMATED, EXIF, OPAQUE = 0x02, 0x08, 0x02  # of a WebP's header, and of its frame
DESCRIPTION, SOFTWARE = 0x010E, 0x0131  # in EXIF


@dataclass(frozen=True)
class Change:
    """The rectangle of a frame that is not as in the frame before.

    Attributes:
        left, top: pixels.
        pixels: uint8 (H, W, C) of the rectangle.
    """

    left: int
    top: int
    pixels: np.ndarray

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @classmethod
    def between(cls, before: np.ndarray | None, frame: np.ndarray, step: int = 1) -> Change:
        """What of a frame changes, one pixel where nothing does; all of the first.

        Args:
            before: uint8 (H, W, C), what is seen so far; None: nothing.
            step: left and top are multiples of it.
        """
        if before is None:
            return cls(0, 0, frame)
        changed = (before != frame).any(-1)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        if not len(rows):
            return cls(0, 0, frame[:1, :1])
        top, left = (int(first) // step * step for first in (rows[0], columns[0]))
        return cls(left, top, frame[top : rows[-1] + 1, left : columns[-1] + 1])


# ---------------------------------------------------------------------- GIF


def gif_file(frames: Iterable[np.ndarray], rate: float, program: str, about: Mapping[str, object]) -> bytes:
    """A GIF that begins again for ever.

    Grey levels are exact, and so are the colours of a frame that has at most 256 of them; of another frame
    they are 256 that are near (`exact_as_gif` tells).  A frame lasts whole hundredths of a second, at least
    two: the rate is rounded to that.  The comment is JSON in ASCII, with `about`, `program` and the `rate`
    asked for.

    Args:
        frames: uint8 (H, W, C), one or more of one shape.
        rate: frames a second.
        program: what has made it.
        about: where it comes from, as plain values.

    Raises:
        ConfigError: the frames are wider or higher than such a file can say.
    """
    first, rest = _begun(frames)
    height, width, channels = first.shape
    _check_sides(height, width, WIDEST_GIF, ".gif")
    lasting = min(max(SHORTEST_GIF, round(100 / rate)), LONGEST_GIF)
    comment = json.dumps({**about, "program": program, "rate": rate}).encode()
    grey = channels == 1
    file = bytearray(b"GIF89a" + struct.pack("<HHBBB", width, height, GREYS if grey else 0, 0, 0))
    file += bytes(np.arange(COLOURS, dtype=np.uint8).repeat(3)) if grey else b""
    file += b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"  # for ever
    file += b"!\xfe" + b"".join(_blocks(comment)) + b"\0"
    seen: np.ndarray | None = None
    for frame in rest:
        change = Change.between(seen, frame)
        content, pixels = _gif_picture(change.pixels)
        if seen is None:
            seen = np.empty_like(frame)
        seen[change.top : change.top + change.height, change.left : change.left + change.width] = pixels
        file += b"!\xf9\x04" + struct.pack("<BHBB", KEEP, lasting, 0, 0)
        file += b"," + struct.pack("<HHHH", change.left, change.top, change.width, change.height) + content
    return bytes(file + b";")


def exact_as_gif(frames: np.ndarray) -> bool:
    """Whether a GIF has the very colours of frames uint8 (T, H, W, C): each has at most 256."""
    return frames.shape[-1] == 1 or all(len(np.unique(_numbers(frame))) <= COLOURS for frame in frames)


def gif_extent(content: bytes) -> tuple[int, int, int]:
    """Width and height of a GIF, and how many frames it has, without decoding any.

    Raises:
        ValueError: it is no GIF, it is cut off, or a frame of it lies outside.
    """
    try:
        head, width, height, flags = struct.unpack_from("<6sHHB", content)
        if head not in (b"GIF87a", b"GIF89a"):
            raise ValueError("it is no GIF")
        place, frames = 13 + _table(flags), 0
        while (kind := content[place]) != ord(";"):
            if kind == ord("!"):
                place += 2
            elif kind == ord(","):
                left, top, across, down, flags = struct.unpack_from("<4HB", content, place + 1)
                if left + across > width or top + down > height:
                    raise ValueError("a frame of the GIF lies outside")
                place += 11 + _table(flags)
                frames += 1
            else:
                raise ValueError("it is no GIF, or a damaged one")
            while (length := content[place]) != 0:
                place += 1 + length
            place += 1
    except (IndexError, struct.error):
        raise ValueError("the GIF is cut off") from None
    return width, height, frames


def _table(flags: int) -> int:
    """Bytes of the colours that such flags announce."""
    return 6 << (flags & 7) if flags & 0x80 else 0


def _gif_picture(pixels: np.ndarray) -> tuple[bytes, np.ndarray]:
    """A picture, uint8 (H, W, C), as it stands behind its place and sides in a file, and as it is seen."""
    if pixels.shape[-1] == 1:
        return b"\0" + _gif_parts(Image.fromarray(pixels[..., 0]))[1], pixels
    colours, which = np.unique(_numbers(pixels), return_inverse=True)
    if len(colours) <= COLOURS:
        # Downwards: Pillow takes colours that rise from black by one for grey levels, and all later ones too.
        height, width = pixels.shape[:2]
        table = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1)[::-1].astype(np.uint8)
        places = (len(colours) - 1 - which).astype(np.uint8)
        picture = Image.frombytes("P", (width, height), places.tobytes())
        picture.putpalette(table.tobytes())
        seen = pixels
    else:
        picture = Image.fromarray(pixels).quantize(COLOURS, dither=Image.Dither.NONE)
        seen = np.asarray(picture.convert("RGB"))
    listed, content = _gif_parts(picture)
    bits = (len(listed) // 3).bit_length() - 2
    return bytes([OWN_COLOURS | bits]) + listed + content, seen


def _gif_parts(picture: Image.Image) -> tuple[bytes, bytes]:
    """Of a picture that Pillow writes: the colours, and what stands behind the sides and flags."""
    buffer = io.BytesIO()
    picture.save(buffer, "GIF", interlace=0, optimize=False)
    file = buffer.getvalue()
    start = 13  # behind what is said of the whole
    end = start + _table(file[start - 3])
    if file[end] != ord(","):
        raise RuntimeError("Pillow writes a GIF in another way than it did")
    return file[start:end], file[end + 10 : -1]


def _numbers(pixels: np.ndarray) -> np.ndarray:
    """Colours as one number each, int32 (H, W)."""
    red, green, blue = np.moveaxis(pixels.astype(np.int32), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue)


def _blocks(content: bytes) -> Iterator[bytes]:
    """In blocks of at most 255 bytes, each behind its length."""
    for start in range(0, len(content), 255):
        block = content[start : start + 255]
        yield bytes([len(block)]) + block


# ---------------------------------------------------------------------- WebP


def webp_file(frames: Iterable[np.ndarray], rate: float, program: str, about: Mapping[str, object]) -> bytes:
    """A lossless WebP that begins again for ever: every colour is exact.

    A frame lasts whole thousandths of a second, at least 11: the rate is rounded to that.  EXIF has the
    program and, as the description, JSON in ASCII with `about` and the `rate` asked for.

    Args, Raises: as for `gif_file`.
    """
    first, rest = _begun(frames)
    height, width, _ = first.shape
    _check_sides(height, width, WIDEST_WEBP, ".webp")
    lasting = min(max(SHORTEST_WEBP, round(1000 / rate)), LONGEST_WEBP)
    exif = Image.Exif()
    exif[DESCRIPTION], exif[SOFTWARE] = json.dumps({**about, "rate": rate}), program
    flags = struct.pack("<I", ANIMATED | EXIF)
    file = bytearray(b"WEBP" + _chunk(b"VP8X", flags + _small(width - 1) + _small(height - 1)))
    file += _chunk(b"ANIM", bytes(6))  # on nothing, for ever
    seen: np.ndarray | None = None
    for frame in rest:
        change = Change.between(seen, frame, 2)
        seen = frame
        place = change.left // 2, change.top // 2, change.width - 1, change.height - 1, lasting
        head = b"".join(map(_small, place)) + bytes([OPAQUE])
        file += _chunk(b"ANMF", head + _webp_picture(change.pixels))
    file += _chunk(b"EXIF", exif.tobytes().removeprefix(b"Exif\0\0"))
    return _chunk(b"RIFF", bytes(file))


def _webp_picture(pixels: np.ndarray) -> bytes:
    """A picture, uint8 (H, W, C), as it stands in a frame."""
    buffer = io.BytesIO()
    whole = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    Image.fromarray(np.ascontiguousarray(whole)).save(buffer, "WEBP", lossless=True, exact=True)
    file = buffer.getvalue()
    if file[12:16] != b"VP8L":
        raise RuntimeError("Pillow writes a WebP in another way than it did")
    return file[12:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _small(number: int) -> bytes:
    """In three bytes."""
    return number.to_bytes(3, "little")


# ---------------------------------------------------------------------- both


def _begun(frames: Iterable[np.ndarray]) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """The first frame, and all of them."""
    rest = iter(frames)
    first = next(rest)
    return first, chain([first], rest)


def _check_sides(height: int, width: int, most: int, suffix: str) -> None:
    """
    Raises:
        ConfigError: frames are too large for such a file.
    """
    if max(height, width) > most:
        raise ConfigError(
            f"{suffix} holds frames of at most {most:,} pixels a side, and these have {width:,}×{height:,}:"
            " save fewer videos, a folder of them, or .npz."
        )
