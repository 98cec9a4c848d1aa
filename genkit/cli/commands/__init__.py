"""The commands: a declaration each, in a file of its name.

Nothing here imports torch, Hydra or what a command runs.
To add one, write its file and its line.  Other distributions offer theirs as entry points of the group
`genkit.commands`; none of them can take the name of one that is built in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, cast

from genkit.cli.command import Command, named
from genkit.system.errors import ConfigError, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "genkit.commands"
MOST_BYTES = 100_000  # of the entry points of a distribution
BUILT_IN = (
    "train",
    "sample",
    "chat",
    "app",
    "score",
    "evaluate",
    "study",
    "report",
    "export",
    "push",
    "interpolate",
    "reconstruct",
    "restyle",
    "complete",
    "denoise",
    "upscale",
    "families",
    "data",
    "runs",
    "verify",
    "compare",
)
HIDDEN = ("worker", "member")  # what the commands themselves start


def names() -> list[str]:
    """Every command, built in first, that a person would type."""
    return [*BUILT_IN, *outside()]


def find(name: str) -> Command:
    """The declaration of a command.

    Raises:
        ConfigError: there is none, or another distribution's is not sound.
    """
    if name in BUILT_IN or name in HIDDEN:
        return cast(Command, named(f"genkit.cli.commands.{name}:COMMAND"))
    offered = outside()
    if name not in offered:
        raise ConfigError(f"there is no command {name!r}.{nearest(name, names())} See genkit --help.")
    return _checked(name, offered[name])


def _checked(name: str, offers: tuple[EntryPoint, ...]) -> Command:
    """What another distribution declares.

    Raises:
        ConfigError: it cannot be imported or is no command, or two distributions offer the name.
    """
    point, owners = offers[0], [offer.dist.name if offer.dist else "?" for offer in offers]
    if len(offers) > 1:
        raise ConfigError(f"{' and '.join(owners)} both offer a command {name}; uninstall one of them.")
    said = f"the command {name} of {owners[0]}, declared as {point.value}"
    try:
        command: object = point.load()
    except Exception as error:  # whatever somebody else's code does
        raise ConfigError(f"{said}, cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(command, Command):
        raise ConfigError(f"{said}, is no command but {type(command).__name__}; see genkit.cli.command.")
    if wrong := command.fault():
        raise ConfigError(f"{said}, is no command: {wrong}.")
    return command


@cache
def outside() -> dict[str, tuple[EntryPoint, ...]]:
    """What other distributions offer under names that are not built in."""
    if not any(_offering()):
        return {}
    from genkit.system.distributions import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=GROUP):
        if point.name not in (*BUILT_IN, *HIDDEN):
            found[point.name] = (*found.get(point.name, ()), point)
    return dict(sorted(found.items()))


def _offering() -> Iterator[str]:
    """The files of distributions that name the group: to ask importlib takes far longer."""
    for place in sys.path:
        try:
            files = [
                f"{e.path}/entry_points.txt" for e in os.scandir(place or ".") if e.name.endswith("-info")
            ]
        except OSError:
            continue
        for file in filter(os.path.exists, files):
            try:
                with open(file, "rb") as points:
                    if GROUP.encode() in points.read(MOST_BYTES):
                        yield file
            except OSError:
                continue
