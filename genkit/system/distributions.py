"""What other distributions offer by entry points, read once."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points(*, group: str) -> tuple[EntryPoint, ...]:
    """Those of a group, as `importlib.metadata` finds them.

    To read the files of all distributions takes long, so they are read again only where one was installed or
    removed, or `sys.path` is another.
    """
    return _found(tuple((place, _changed(place)) for place in sys.path)).get(group, ())


@lru_cache(maxsize=1)
def _found(places: tuple[tuple[str, int | None], ...]) -> dict[str, tuple[EntryPoint, ...]]:
    from importlib.metadata import entry_points

    found = entry_points()
    return {group: tuple(found.select(group=group)) for group in found.groups}


def _changed(place: str) -> int | None:
    """When something was last put into a folder or taken out of it; None: there is no such place."""
    try:
        return os.stat(place or ".").st_mtime_ns
    except OSError:
        return None
