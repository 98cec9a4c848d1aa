"""Text files of a person's own: one, or those below a folder, a document each."""

from __future__ import annotations

import codecs
import fnmatch
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from genkit.data.dataset_knobs import TextFileKnobs, TextFolderKnobs
from genkit.data.packing import listing_of
from genkit.data.splits import parts_of
from genkit.data.text.streams import Document, Texts, file_pieces
from genkit.system.errors import ConfigError, DataError


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


def _unreadable(path: Path, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path} is missing; check the path.")
    return DataError(f"{path} cannot be read: {error.strerror}.")
