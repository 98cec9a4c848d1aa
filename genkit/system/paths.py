"""A path as a person types it: whether it can lead anywhere at all, said before anything looks there."""

from __future__ import annotations

import os
from pathlib import Path

from genkit.system.errors import ConfigError

LONGEST_NAME, LONGEST_PATH = 255, 4_095  # bytes; of most file systems, and of Linux's PATH_MAX


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
