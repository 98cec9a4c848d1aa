"""Files that may come from a stranger, as plain values: bounded, from plain files alone, nothing twice.

Nothing here executes anything of a file, follows a link, waits at a pipe, or takes more memory or time than a
file of the allowed size can ask for.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

MAX_YAML_BYTES = 200_000  # of a configuration; the largest that we write has 6,000
MAX_DEPTH = 30  # of nested lists and mappings in YAML


def read_text(path: Path, limit: int) -> str:
    """A plain file's UTF-8 text.

    Raises:
        OSError: it is missing, a link, a folder, a pipe or a device, or cannot be read.
        ValueError: it has more than `limit` bytes, or is no UTF-8.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(None, "it is no plain file")
    with open(handle, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"more than {limit:,} bytes")
    return content.decode("utf-8")


def parse_json(text: str) -> Any:
    """JSON in which no key stands twice.

    Raises:
        ValueError: it is none, or is nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"the key {key[:40]!r} stands twice")
        made[key] = value
    return made


def parse_yaml(text: str) -> Any:
    """YAML of plain values: no tags of Python's, no anchors, no key twice, at most `MAX_DEPTH` deep.

    Raises:
        ValueError: it is none; what is wrong and the line are said.
    """
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


@cache
def _loader() -> Any:
    import yaml

    class Plain(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            event = self.peek_event()
            # An alias of an alias of … makes a few lines as large as one likes.
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise _marked("an anchor or alias: write the value out", event)
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise _marked(f"nested more than {MAX_DEPTH} deep", event)
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

    def mapping(loader: Plain, node: yaml.MappingNode) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool):
                raise _marked("a key that is no word", key_node)
            if key in made:
                raise _marked(f"the key {str(key)[:40]} stands twice", key_node)
            made[key] = loader.construct_object(value_node, deep=True)
        return made

    def _marked(said: str, place: Any) -> yaml.YAMLError:
        return yaml.YAMLError(f"{said}, in line {place.start_mark.line + 1}")

    Plain.add_constructor("tag:yaml.org,2002:map", mapping)
    return Plain


def find_links(folder: Path, own: Iterable[str] = ()) -> Iterable[tuple[Path, str]]:
    """What below a folder is neither a plain file nor a folder, with what it is instead.

    Args:
        own: first names below the folder under which no link is allowed; under others (a logger's, say), one
            that stays within the folder is.
    """
    root, waiting = os.path.realpath(folder), [str(folder)]
    while waiting:
        for entry in _entries(waiting.pop()):
            path = Path(entry.path)
            if entry.is_symlink():
                target = os.path.realpath(entry.path)
                inside = os.path.commonpath([root, target]) == root
                if not inside or path.relative_to(folder).parts[0] in own:
                    yield path, "a link"
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif not entry.is_file(follow_symlinks=False):
                yield path, "a pipe, a socket or a device"


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What a folder holds; nothing where it was deleted meanwhile, as a trainer deletes old checkpoints."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
