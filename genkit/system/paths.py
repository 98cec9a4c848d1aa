"""A path as a person types it: whether it can lead anywhere at all, said before anything looks there; and
where that was, and what is beside it, once nothing was found."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

from genkit.system.errors import ConfigError, alike

LONGEST_NAME, LONGEST_PATH = 255, 4_095  # bytes; of most file systems, and of Linux's PATH_MAX
MOST_BESIDE, NEAREST = 10_000, 3  # entries of a folder that are looked at, and that may be meant


def place(text: str, key: str) -> Path:
    """A typed path with `~` and `~user` resolved.

    Args:
        key: the word that it was typed for, for messages.

    Raises:
        ConfigError: it holds a NUL byte, a user that this machine has not, or more than a disk can name.
    """
    shown = text if len(text) <= 100 else f"{text[:40]}…{text[-20:]}"
    if "\0" in text:
        raise ConfigError(f"{key}= holds a NUL byte at {text.index(chr(0))}; leave it out.")
    path = os.path.expanduser(text)
    if path.startswith("~") and not os.path.lexists(path):
        raise ConfigError(f"{key}={shown}: there is no user {path.split(os.sep)[0][1:]}; write the path out.")
    longest = max(len(os.fsencode(part)) for part in path.split(os.sep))
    if longest > LONGEST_NAME or len(os.fsencode(path)) > LONGEST_PATH:
        raise ConfigError(
            f"{key}={shown} is longer than a disk can name ({LONGEST_NAME} bytes a folder or file,"
            f" {LONGEST_PATH:,} in all); give a shorter path."
        )
    return Path(path)


def sought(path: str | Path) -> str:
    """What follows the sentence that nothing is at a path: `" Looked at /home/ada/mien; did you mean mine?"`.

    "" where something is there after all; of an absolute path, which the sentence has, the neighbour alone.
    """
    path = Path(path).expanduser()
    if os.path.lexists(path):
        return ""
    near = neighbour(path)
    if path.is_absolute():
        return f" Did you mean {near}?" if near is not None else ""
    return f" Looked at {os.path.abspath(path)}{'.' if near is None else f'; did you mean {near}?'}"


def neighbour(path: Path) -> Path | None:
    """What is there under the nearest name to the first part of a path that is missing, else in another case;
    None: nothing is."""
    missing = path
    while missing.parent != missing and not os.path.lexists(missing.parent):
        missing = missing.parent
    names: list[str] = []
    with suppress(OSError, ValueError), os.scandir(missing.parent) as entries:
        names = [entry.name for entry in islice(entries, MOST_BESIDE)]
    same = [name for name in names if name.casefold() == missing.name.casefold()]
    rest = path.relative_to(missing)
    found = (missing.parent / name / rest for name in [*same, *alike(missing.name, names, NEAREST)])
    return next((near for near in found if os.path.exists(near)), None)
