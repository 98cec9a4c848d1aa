"""Pictures that are in no file, one after another in a folder: of any size, in any of Pillow's modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from genkit.data.arrays.folders import Pictures
from genkit.data.arrays.surveys import DAMAGE
from genkit.data.packing import Appended, open_array

Pixels = tuple[str, tuple[int, int], bytes]  # mode, width and height, pixels


def plain_pixels(picture: Image.Image) -> Pixels:
    """A picture upright and without a palette, which is what any reader would make of it first.

    Of one that Pillow cannot read the mode is "", and the reason stands in the place of pixels.
    """
    try:
        upright = ImageOps.exif_transpose(picture)
        transparent = "transparency" in upright.info or upright.mode in ("PA", "RGBa", "La")
        if upright.mode in ("P", "PA", "RGBX"):
            upright = upright.convert("RGBA" if transparent else "RGB")
        elif transparent:
            upright = upright.convert("LA" if upright.mode in ("1", "L", "La") else "RGBA")
        return upright.mode, upright.size, upright.tobytes()
    except DAMAGE as error:
        return "", (0, 0), " ".join(str(error).split())[:150].encode()


class PictureFile:
    """Pictures one after another in a folder: `pixels.npy`, and where each begins and how large it is.

    Attributes:
        modes: of those that are there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._target = folder, Appended(folder / "pixels.npy", np.uint8)
        self._places, self._sizes = [0], list[tuple[int, int]]()
        self.modes: list[str] = []

    def add(self, picture: Pixels) -> None:
        mode, size, pixels = picture
        self._target.append(np.frombuffer(pixels, np.uint8))
        self._places.append(self._target.count)
        self._sizes.append(size)
        self.modes.append(mode)

    def close(self) -> None:
        self._target.close()
        np.save(self._folder / "places.npy", np.array(self._places, np.int64))
        np.save(self._folder / "sizes.npy", np.array(self._sizes, np.int32).reshape(-1, 2))

    def read(self) -> Iterator[Pixels]:
        """All of them, as often as one likes."""
        pixels = open_array(self._folder / "pixels.npy")
        for mode, size, (start, stop) in zip(self.modes, self._sizes, pairwise(self._places), strict=True):
            yield mode, size, pixels[start:stop].tobytes()


class KeptPictures(Pictures):
    """Pictures in a folder that `PictureFile` has written.

    Args:
        modes: of those that are there.

    Attributes:
        rows: the place of each among all that were given, some of which may be none.
    """

    def __init__(self, folder: Path, digest: str, modes: Sequence[str]) -> None:
        self.listing, self._file, self._modes = digest, folder / "pixels.npy", modes
        self._places, self._sizes = (np.asarray(open_array(folder / f"{n}.npy")) for n in ("places", "sizes"))
        self.rows = [row for row, mode in enumerate(modes) if mode]
        self.names = [f"picture {row}" for row in self.rows]
        pixels = open_array(self._file)
        lost = [row for row, mode in enumerate(modes) if not mode]
        reasons = [pixels[slice(*self._places[row : row + 2].tolist())].tobytes().decode() for row in lost]
        self.missing = {f"picture {row}": reason for row, reason in zip(lost, reasons, strict=True)}

    def opener(self, rows: Sequence[int]) -> Callable[[int], Image.Image]:
        return partial(_open, self._file, {row: self._where(self.rows[row]) for row in rows})

    def _where(self, place: int) -> tuple[str, tuple[int, int], slice]:
        width, height = self._sizes[place].tolist()
        return self._modes[place], (width, height), slice(*self._places[place : place + 2].tolist())


def _open(file: Path, found: Mapping[int, tuple[str, tuple[int, int], slice]], row: int) -> Image.Image:
    mode, size, where = found[row]
    return Image.frombytes(mode, size, open_array(file)[where].tobytes())
