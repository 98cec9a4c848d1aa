"""A folder of numbered pictures as a film: one frame each, in the order of their numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from genkit.data.arrays.folders import SUFFIXES as PICTURES
from genkit.data.arrays.pictures import is_moving
from genkit.data.packing import printable
from genkit.data.video.animated_pictures import opened_image, refusals
from genkit.data.video.film import Film, Shot
from genkit.system.plain import open_file

FRAMES = tuple(suffix for suffix in PICTURES if suffix not in (".gif", ".ico"))
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF")  # Pillow's
DIGITS_OF_NAMES = re.compile(r"(\d+)")


def numbered(names: Sequence[str]) -> dict[str, dict[int, list[str]]]:
    """Which of these names have a number, `{series: {number: names}}`.

    Of the numbers of a name that one counts of which there are most (`s1_f007_0.1s`: 7), and what stands
    around it is the series.
    """
    alike: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}
    for name in names:
        pieces = DIGITS_OF_NAMES.split(os.path.splitext(name)[0])
        if len(pieces) > 1:
            alike.setdefault(tuple(pieces[::2]), []).append((name, pieces))
    found: dict[str, dict[int, list[str]]] = {}
    for group in alike.values():
        places = range(1, len(group[0][1]), 2)
        counts = max(places, key=lambda place: (len({pieces[place] for _, pieces in group}), place))
        for name, pieces in group:
            series = "".join([*pieces[:counts], "*", *pieces[counts + 1 :]])
            found.setdefault(series, {}).setdefault(int(pieces[counts]), []).append(name)
    return found


def in_order(names: Sequence[str]) -> list[str]:
    """The names of frames by their numbers; those without a number are none.

    Raises:
        ValueError: there is none, numbers of several series, a number twice, or one is missing.
    """
    every = numbered(names)
    if not every:
        raise ValueError("its pictures have no numbers by which to order them")
    if len(every) > 1:
        listed = ", ".join(printable(series) for series in sorted(every)[:3])
        raise ValueError(f"it holds frames of {len(every)} series: {listed}; a folder is one video")
    (places,) = every.values()
    for number, same in places.items():
        if len(same) > 1:
            both = " and ".join(map(printable, same[:2]))
            raise ValueError(f"frame {number} is there twice: {both}")
    numbers = sorted(places)
    for before, after in pairwise(numbers):
        if after > before + 1:
            many = (
                f"frames {before + 1} to {after - 1} are" if after > before + 2 else f"frame {before + 1} is"
            )
            raise ValueError(f"{many} missing between {numbers[0]} and {numbers[-1]}")
    return [places[number][0] for number in numbers]


class FrameFolder(Film):
    """A film of pictures.

    Args:
        names: of them, in order.
    """

    def __init__(self, folder: str | Path, names: Sequence[str]) -> None:
        self._folder, self._names = Path(folder), names

    @classmethod
    def of(cls, folder: str | Path) -> FrameFolder:
        """All numbered pictures in a folder.

        Raises:
            OSError: there is no such folder.
            ValueError: they are no frames of one film; the reason.
        """
        there = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
        names = [name for name in there if os.path.splitext(name)[1].lower() in FRAMES]
        if not names:
            raise ValueError("it holds no pictures")
        return cls(folder, in_order(names))

    def shots(self) -> Iterator[Shot]:
        size: tuple[int, int] | None = None
        for name in self._names:
            try:
                with open_file(self._folder / name, follow=True) as file, refusals():
                    image = opened_image(file, FORMATS)
                    if is_moving(image):
                        raise ValueError("it is itself several pictures")
                    image.load()
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or str(error)
                raise ValueError(f"{printable(name)}: {why}") from None
            size = size or image.size
            if image.size != size:
                told = f"{printable(name)} is {image.width}×{image.height}, those before it"
                raise ValueError(f"its frames have several sizes: {told} are {size[0]}×{size[1]}")
            yield Shot(image, None)
