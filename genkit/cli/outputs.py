"""Where a command writes: looked at before anything heavy, and what was replaced is said.

A file is replaced in one step; a folder is made new, and one that holds something is refused.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from genkit.system import storage
from genkit.system.errors import ConfigError, StorageError

REPLACES = " (replaces the file that was there)"


class Output:
    """The place that `out=` names, or the default one.

    Args:
        path: a file, or without a suffix a folder.

    Raises:
        ConfigError: the path names no file, or a folder that is not empty.
        StorageError: nothing can be written there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.name:
            raise ConfigError(f"out={path} names no file; give one.")
        if not path.suffix:
            storage.check_new(path)
        try:
            self._was_there = path.is_file()
            odd = path.exists() and bool(path.suffix) and not self._was_there
        except OSError as error:
            raise storage.refusal(path, error, "Give another place.") from None
        if odd:
            raise ConfigError(f"out={path} is there and is no plain file; give another place.")
        check_writable(path.parent)

    def __str__(self) -> str:
        """The path, and whether something else was there."""
        return f"{self.path}{REPLACES if self._was_there else ''}"


def check_writable(folder: Path) -> None:
    """Write and remove a file in the folder, or where it would be made.

    Raises:
        StorageError: that fails.
    """
    there = folder
    try:
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        with tempfile.NamedTemporaryFile(dir=there, prefix=".genkit-") as file:
            file.write(b"genkit")
            file.flush()
    except OSError as error:
        raise StorageError(f"cannot write in {there}: {error.strerror}. Give another folder.") from None
