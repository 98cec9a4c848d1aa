"""Text of any length as a stream of pieces, never held as a whole.

Texts are kept as they are (line ends, normalisation, invisible characters) unless `data.clean` is set.  A
byte-order mark is no text and is dropped; one of UTF-16 or UTF-32 decides the encoding.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.core.media.medium import Medium
from genkit.core.media.text import TEXT
from genkit.data.text.unpacked import unpacked
from genkit.system.errors import DataError
from genkit.system.textfiles import by_mark, unix

BLOCK = 2**21  # bytes read at once
LONGEST = 2**20  # characters of a line that is not cut
WIDE = ("utf16", "utf32")  # encodings in which a zero byte is nothing strange
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
BLANKS = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


@dataclass(frozen=True)
class Document:
    """One text; `pieces` yields it in parts that end at line ends where they can."""

    name: str
    pieces: Callable[[], Iterator[str]]
    part: str = ""


class Texts(ABC):
    """Documents that can be read as often as needed.

    Attributes:
        listing: plain values that change when the documents do.
        size: bytes, about.
        missing: names that lead to no file, and why.
        single: whether there is but one document, which is never left out.
        rows: whether documents are rows of tables, of which the first that is bad is refused at once.
        nulls: rows without a text, as the last reading of all documents counted them.
        separator: what ends a document where the configuration does not say.
        notices: what is not used.
        medium: what a document is.
    """

    medium: Medium = TEXT
    listing: Any
    size: int
    missing: Mapping[str, str]
    single: bool = False
    rows: bool = False
    nulls: int = 0
    separator: str | None = None
    notices: Sequence[str] = ()

    @property
    def has_parts(self) -> bool:
        """Whether the documents know their parts."""
        return False

    @abstractmethod
    def documents(self) -> Iterator[Document]:
        """All of them, always in the same order."""


# ---------------------------------------------------------------------- reading


def read_text(path: Path, encoding: str) -> str:
    """A small text file as a whole.

    Raises:
        DataError: it is missing, unreadable, no text, or in another encoding.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a text file.")
    return "".join(file_pieces(path, encoding))


def file_pieces(path: Path, encoding: str) -> Iterator[str]:
    """The text of a file in pieces that end at line ends; a line of millions of characters is cut.

    Raises:
        DataError: as `read_text`; the offset of the first bad byte is named.
    """
    with unpacked(path) as file:
        block = file.read(BLOCK)
        encoding, skipped = by_mark(block, encoding)
        block, offset = block[skipped:], skipped
        decoder = codecs.getincrementaldecoder(encoding)()
        binary = not encoding.replace("-", "").replace("_", "").lower().startswith(WIDE)
        rest = ""
        while block:
            if binary and (place := block.find(0) + 1):
                place += offset - 1
                raise DataError(f"{path} is no text: it has a NUL byte at offset {place}.")
            following = file.read(BLOCK)
            text = rest + _decoded(decoder, block, offset, not following, path, encoding)
            cut = text.rfind("\n") + 1
            if not following or (not cut and len(text) > LONGEST):
                cut = len(text)
            if cut:
                yield text[:cut]
            rest, block, offset = text[cut:], following, offset + len(block)


def _decoded(
    decoder: codecs.IncrementalDecoder, block: bytes, offset: int, final: bool, path: Path, encoding: str
) -> str:
    try:
        return decoder.decode(block, final)
    except UnicodeDecodeError as error:
        bad = error.object[error.start]
        place = offset + len(block) - len(error.object) + error.start  # the decoder held some bytes back
        raise DataError(
            f"{path} is not {encoding}: byte 0x{bad:02x} at offset {place};"
            " set data.encoding=latin-1, or what it is."
        ) from None


def clean(text: str) -> str:
    """NFC; line ends as \\n; no control, zero-width or direction characters; one kind of blank, none at the
    ends of lines."""
    text = unicodedata.normalize("NFC", unix(text))
    text = BLANKS.sub(" ", CONTROLS.sub("", text))
    return re.sub(r"[ \t]+(?=\n|$)", "", text)
