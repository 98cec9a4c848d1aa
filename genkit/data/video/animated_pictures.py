"""GIF, animated WebP and animated PNG as films.  Pillow joins equal neighbours: one picture, seen longer."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from genkit.data.arrays.pictures import ALPHA, is_moving
from genkit.data.video.film import MOST_PIXELS, Film, Shot
from genkit.system.plain import open_file

ANIMATED = (".gif", ".webp", ".png", ".apng")
FORMATS = ("GIF", "WEBP", "PNG")  # Pillow's, whatever a file is called
MILLISECOND = 0.001
GRAINS = {"GIF": 0.01}  # seconds to which durations are rounded, where it is no millisecond
TRAILER = b";"  # ends every GIF
# Decoders of damaged files raise whatever they stumble over.
DAMAGE = (OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, struct.error)


class AnimatedPicture(Film):
    """A file of several pictures.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is none that is read; the reason.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        with open_file(self._path, follow=True) as file, refusals():
            image = opened_image(file, FORMATS)
            self._format = str(image.format)
        self.grain = GRAINS.get(self._format, MILLISECOND)

    def shots(self) -> Iterator[Shot]:
        with open_file(self._path, follow=True) as file:
            with refusals():
                image = opened_image(file, FORMATS)
                # (A GIF does not know before all of it is read.)
                several = 0 if image.format == "GIF" else int(getattr(image, "n_frames", 1))
            place, shown = 0, 0
            while True:
                with refusals(shown):
                    there = _goes_to(image, place)
                    place += 1
                    if place == 1 and image.info.get("default_image"):  # shown by who knows no animations
                        continue
                    seconds = image.info.get("duration", 0) / 1000
                if not there:
                    _check_end(file, shown, several)
                    return
                shown += 1
                yield Shot(image, seconds)
                if place == several:
                    return


def _goes_to(image: Image.Image, place: int) -> bool:
    """Whether there is a picture at a place, which is then read."""
    try:
        image.seek(place)
        image.load()
    except EOFError:
        return False
    return True


def _check_end(file: io.BufferedReader, shown: int, several: int) -> None:
    """See that the file ends as it should where Pillow finds no further picture.

    Raises:
        ValueError: it does not.
    """
    file.seek(max(0, file.tell() - 1))
    if several or file.read(1) != TRAILER:
        raise ValueError(f"it is cut off after picture {shown}" + (f" of {several}" if several else ""))


def opened_image(file: io.BufferedReader, formats: tuple[str, ...]) -> Image.Image:
    """A picture of one of Pillow's formats, its header read.

    Raises:
        ValueError: it is larger than any frame is.
        OSError: it is no such picture, in the words of Pillow.
    """
    Image.init()
    image = Image.open(file, formats=[name for name in formats if name in Image.OPEN])
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"it is {image.width:,}×{image.height:,}; a frame has up to {MOST_PIXELS:,} pixels")
    return image


@contextmanager
def refusals(shown: int = 0) -> Iterator[None]:
    """Within it what Pillow raises of a damaged file becomes a reason in a line.

    Args:
        shown: pictures that have been read before.

    Raises:
        ValueError: the reason.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except UnidentifiedImageError:
            raise ValueError("no picture that can be identified") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise ValueError(f"a frame has up to {MOST_PIXELS:,} pixels, and it has more") from None
        except MemoryError:
            raise ValueError("too large for the memory") from None
        except DAMAGE as error:
            said = getattr(error, "strerror", None) or str(error) or type(error).__name__
            where = f"after picture {shown}: " if shown else ""
            raise ValueError(where + " ".join(said.split())[:150]) from None


def is_transparent(image: Image.Image) -> bool:
    """Whether something shows through a picture."""
    if image.mode not in ALPHA and "transparency" not in image.info:
        return False
    least, _ = image.convert("RGBA").getchannel("A").getextrema()
    return bool(isinstance(least, float | int) and least < 255)


def is_animated(path: Path) -> bool:
    """Whether a file is an animation, as far as its header says.

    Raises:
        OSError, ValueError: it has no header that can be read; the reason.
    """
    with open_file(path, follow=True) as file, refusals():
        return is_moving(opened_image(file, FORMATS))
