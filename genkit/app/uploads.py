"""Files that visitors give: bounded in bytes and in number, under names that lead nowhere, and not kept."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

from genkit.system.errors import ConfigError

MOST_BYTES, MOST_FILES = 16_000_000, 32
LONGEST = 80  # letters of a name


class Uploads:
    """The files of one server; they are gone with it, and the oldest where there are too many."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="genkit-app-")
        self._files: OrderedDict[str, Path] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> Uploads:
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def add(self, name: str, content: bytes) -> tuple[str, str]:
        """A key by which the file is asked for again, and the name that it has here.

        Args:
            name: as the visitor has it; of it no more is kept than a plain name.
        """
        key = secrets.token_urlsafe(12)
        kept = plain_name(name)
        place = Path(self._folder.name) / key
        place.mkdir()
        (place / kept).write_bytes(content)
        with self._lock:
            self._files[key] = place / kept
            while len(self._files) > MOST_FILES:
                _, oldest = self._files.popitem(last=False)
                shutil.rmtree(oldest.parent, ignore_errors=True)
        return key, kept

    def find(self, key: str) -> Path:
        """
        Raises:
            ConfigError: it is not there, or not any more.
        """
        with self._lock:
            path = self._files.get(key)
        if path is None:
            raise ConfigError("that file is not here any more; give it again.")
        return path


def plain_name(name: str) -> str:
    """A file's name of printable letters without what leads to another folder, its suffix kept."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(letter if letter.isprintable() else "_" for letter in last).strip(". ")
    stem, dot, suffix = plain.rpartition(".")
    short = f"{stem[:LONGEST]}{dot}{suffix[:10]}" if dot else plain[:LONGEST]
    return short.lstrip("-") or "file"
