"""What of a run's files stands in a page itself: pictures, what moves, clips to listen to, texts.

A file that is none of them, or too large to carry along, is left out.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.system.animations import gif_extent
from genkit.system.plain import read_bytes
from genkit.system.wave_files import parts

LONGEST_TEXT = 2_000
MOST_BYTES = 2_000_000  # of one file
MOST_MOVING = 4_000_000  # bytes of one file that moves
MOST_PIXELS = 50_000_000  # of one picture, and of all frames: a browser takes four bytes for each
MOST_PLAYERS = 16  # of clips that stand together
MOST_OF_A_PAGE = 64_000_000  # letters of all addresses: a browser opens that, and a mail may carry it
SVG = "image/svg+xml"
WIDE, NARROW = 550, 356  # CSS pixels that a sheet may fill: of a desk's page, of a telephone's
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"  # what a picture begins with, before its width and its height


@dataclass(frozen=True)
class Player:
    """A clip to listen to: its address, and what it is of."""

    address: str
    caption: str


@dataclass(frozen=True)
class Sheet:
    """A picture of examples, and how large it is shown, so that small ones can be seen and none is blurred.

    A pixel of it is a whole number of the page's pixels, on a wide page `times` as many as on a narrow one; a
    picture that is too wide for a page is shrunk to it.

    Attributes:
        address: of its file.
        width, height: in CSS pixels of a wide page.
        times: how often the narrow page's width goes into the wide one's.
    """

    address: str
    width: int
    height: int
    times: int = 1

    @classmethod
    def of(cls, address: str, width: int, height: int) -> Sheet:
        """A picture of so many pixels."""
        narrow = max(1, NARROW // width)
        times = max(1, WIDE // (narrow * width))
        scale = narrow * times
        return cls(address, scale * width, scale * height, times)


def shown(path: Path, run: Path) -> dict[str, str | Sheet | list[Player] | None]:
    """A picture, with what moves and what is to be heard of it, or a text of a run, ready to be shown."""
    if path.suffix != ".txt":
        heard = players(path, run)
        return {"picture": sheet(path, run), "moving": moving(path, run), "text": "", "players": heard}
    text = text_of(path, run)
    short = text[:LONGEST_TEXT] + (" …" if len(text) > LONGEST_TEXT else "")
    return {"picture": None, "moving": None, "text": short, "players": []}


def players(path: Path, run: Path) -> list[Player]:
    """The clips that a picture shows, the first of them; none where it shows none, or they cannot be read."""
    sound = path.with_suffix(".wav")
    if not sound.is_file():
        return []
    try:
        found = parts(read_bytes(sound, MOST_BYTES, below=run), MOST_PLAYERS)
    except (OSError, ValueError):
        return []
    return [Player(address(part.file, "audio/wav"), part.caption) for part in found]


def bounded(entries: Iterable[dict[str, Any]], most: int = MOST_OF_A_PAGE) -> None:
    """Leave out of entries, in place, what a page has no room for after those before, and say so in each."""
    for entry in entries:
        left = False
        for key, value in entry.items():
            several = value if isinstance(value, list) else [value]
            size = sum(len(one.address) for one in several if isinstance(one, Sheet | Player))
            if size > most:
                entry[key], left = [] if isinstance(value, list) else None, True
            else:
                most -= size
        if left:
            entry["remark"] = f"{entry.get('remark', '')} (more than a page has room for is left out)"


def sheet(path: Path, run: Path) -> Sheet | None:
    """A PNG of a run; None where it is none, or too large to carry along or to be drawn."""
    try:
        data = read_bytes(path, MOST_BYTES, below=run)
    except (OSError, ValueError):
        return None
    if not data.startswith(PNG) or len(data) < len(PNG) + 8:
        return None
    width, height = (int.from_bytes(data[place : place + 4], "big") for place in (len(PNG), len(PNG) + 4))
    if not 0 < width * height <= MOST_PIXELS:
        return None
    return Sheet.of(address(data, "image/png"), width, height)


def moving(path: Path, run: Path) -> Sheet | None:
    """The GIF of what a picture shows frame by frame; None where there is none, or it is too large to carry
    along or to be drawn."""
    try:
        data = read_bytes(path.with_suffix(".gif"), MOST_MOVING, below=run)
        width, height, frames = gif_extent(data)
    except (OSError, ValueError):
        return None
    if not 0 < width * height * frames <= MOST_PIXELS:
        return None
    return Sheet.of(address(data, "image/gif"), width, height)


def text_of(path: Path, run: Path) -> str:
    """A text of a run; "" where it cannot be read, or is too large to carry along."""
    try:
        return read_bytes(path, MOST_BYTES, below=run).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def address(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
