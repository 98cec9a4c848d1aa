"""Text of any length as a stream of pieces, never held as a whole.

Texts are kept as they are (line ends, normalisation, invisible characters) unless `data.clean` is set.  A
byte-order mark is no text and is dropped; one of UTF-16 or UTF-32 decides the encoding.
"""

from __future__ import annotations

import codecs
import fnmatch
import os
import re
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from genkit.core.media.medium import Medium
from genkit.core.media.text import TEXT
from genkit.data.dataset_knobs import TextFileKnobs, TextFolderKnobs
from genkit.data.packing import listing_of
from genkit.data.splits import parts_of
from genkit.data.text.unpacked import unpacked
from genkit.system.errors import ConfigError, DataError
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
        notices: what is not used.
        medium: what a document is.
    """

    medium: Medium = TEXT
    listing: Any
    size: int
    missing: Mapping[str, str]
    single: bool = False
    notices: Sequence[str] = ()

    @property
    def has_parts(self) -> bool:
        """Whether the documents know their parts."""
        return False

    @abstractmethod
    def documents(self) -> Iterator[Document]:
        """All of them, always in the same order."""


@dataclass
class TextFiles(Texts):
    """Text files below a folder, a document each."""

    root: Path
    names: Sequence[str]
    listing: Any
    size: int
    encoding: str
    part: Sequence[str] | None = None
    missing: dict[str, str] = field(default_factory=dict)
    single: bool = False
    notices: Sequence[str] = ()

    @property
    def has_parts(self) -> bool:
        return self.part is not None

    def documents(self) -> Iterator[Document]:
        for i, name in enumerate(self.names):
            yield Document(name, partial(self._pieces, name), self.part[i] if self.part else "")

    def _pieces(self, name: str) -> Iterator[str]:
        return file_pieces(self.root / name, self.encoding)


# ---------------------------------------------------------------------- sources


def text_file(data: TextFileKnobs, paths: Mapping[str, str]) -> TextFiles:
    """Any text file."""
    if not data.path:
        raise ConfigError("data=text_file needs data.path=FILE.")
    path = Path(data.path).expanduser()
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a text file, or choose data=text_folder.")
    try:
        about = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    _check_encoding(data.encoding)
    listing = listing_of({path.name: (about.st_size, about.st_mtime_ns)})
    return TextFiles(path.parent, [path.name], listing, about.st_size, data.encoding, single=True)


def text_folder(data: TextFolderKnobs, paths: Mapping[str, str]) -> TextFiles:
    """The files below a folder whose names match a pattern, a document each, in the order of their names."""
    if not data.path:
        raise ConfigError("data=text_folder needs data.path=FOLDER.")
    root, glob = Path(data.path).expanduser(), data.glob
    if not root.is_dir():
        raise DataError(f"{root} is {'no folder' if root.exists() else 'missing'}; give a folder of texts.")
    _check_encoding(data.encoding)
    found: dict[str, tuple[int, int]] = {}
    missing: dict[str, str] = {}
    others: Counter[str] = Counter()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in files:
            name = os.path.relpath(os.path.join(folder, file), root)
            if not any(fnmatch.fnmatchcase(place.lower(), glob.lower()) for place in (name, file)):
                others[os.path.splitext(file)[1].encode("utf-8", "backslashreplace").decode()] += 1
                continue
            try:
                about = os.stat(root / name)
                found[name] = (about.st_size, about.st_mtime_ns)
            except OSError as error:
                missing[name] = error.strerror or "unreadable"
    if not found:
        kinds = ", ".join(f"{n:,} {suffix or 'without suffix'}" for suffix, n in others.most_common(5))
        raise DataError(f"{root} has no file that matches data.glob={glob}; it has {kinds or 'no files'}.")
    notices = []
    if others:
        kinds = ", ".join(f"{n:,} {suffix or 'without suffix'}" for suffix, n in others.most_common(5))
        notices.append(f"not read, for they do not match data.glob={glob}: {kinds}")
    names = sorted(found)
    size = sum(size for size, _ in found.values())
    part = parts_of(names)
    return TextFiles(root, names, listing_of(found), size, data.encoding, part, missing, notices=notices)


def _check_encoding(encoding: str) -> None:
    """See that it decodes bytes to text: Python's hex, base64 and rot13 do something else.

    Raises:
        ConfigError: there is none of that name, or it does not.
    """
    try:
        decoded = codecs.getincrementaldecoder(encoding)().decode(b"", True)
        sound = isinstance(decoded, str) and getattr(codecs.lookup(encoding), "_is_text_encoding", True)
    except (LookupError, TypeError, ValueError, AssertionError):
        sound = False
    if not sound:
        raise ConfigError(f"data.encoding={encoding} is no encoding of texts that Python knows; try utf-8.")


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


def _unreadable(path: Path, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path} is missing; check the path.")
    return DataError(f"{path} cannot be read: {error.strerror}.")


def clean(text: str) -> str:
    """NFC; line ends as \\n; no control, zero-width or direction characters; one kind of blank, none at the
    ends of lines."""
    text = unicodedata.normalize("NFC", unix(text))
    text = BLANKS.sub(" ", CONTROLS.sub("", text))
    return re.sub(r"[ \t]+(?=\n|$)", "", text)
