"""How a run may be called."""

from __future__ import annotations

import datetime
import re
import secrets
import unicodedata

from genkit.system.errors import ConfigError


def check_run_name(name: str) -> str:
    """`name`, if it can be a folder directly below the runs folder.

    Raises:
        ConfigError: it is empty, too long, or would lead elsewhere.
    """
    fits = re.fullmatch(r"[^/\\]{1,120}", name) and name.isprintable()
    if not fits or name.startswith(".") or name != name.strip():
        shown = name if len(name) <= 120 else f"{name[:20]}…"
        raise ConfigError(
            f"name={shown!r} cannot name a run: use 1 to 120 printable characters without slashes,"
            " not beginning with a dot."
        )
    return name


def same_name(one: str, other: str) -> bool:
    """Whether two names are one to a reader, or to some disk: but for their case, or for how é is encoded."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def new_name(model: str, data: str) -> str:
    """A name that says what runs and never collides."""
    now = datetime.datetime.now().strftime("%m%d-%H%M%S")
    return f"{model}-{data}-{now}-{secrets.token_hex(4)}"
