"""Files that may come from a stranger, as plain values: bounded, from plain files alone, nothing twice.

Nothing here executes anything of a file, follows a link, waits at a pipe, or takes more memory or time than a
file of the allowed size can ask for.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import json

MAX_YAML_BYTES = 200_000  # of a configuration; the largest that we write has 6,000
MAX_DEPTH, MAX_JSON_DEPTH = 30, 100  # of nested lists and mappings; optimisers' states go deepest
MAX_FOLDERS = 100  # of folders in folders: who removes them recursively reaches no end
MAX_DIGITS = 100  # of a whole number: what has more is no number that anything here counts, nor a float
MAX_LISTS, MAX_ITEMS = 1_000_000, 10_000_000  # lists and mappings, and commas, of a JSON: 64 bytes and 8 each
MAX_NODES = 20_000  # values of a YAML, which is read slowly; the largest that we write has 500
MAX_JSON_BYTES = 8_000_000  # of a record, a list of members, findings
NAME_BYTES = 255  # of a file's own name, on every file system that people use


def inside(folder: Path, *names: Any) -> Path:
    """`folder / names`, where each name leads one level down and is no link: the way to every path whose
    parts stand in a file.

    Raises:
        ValueError: a name is none of a single file or folder, or a link lies there.
    """
    path = folder
    for name in names:
        fits = isinstance(name, str) and name.isprintable() and not {"/", "\\"} & {*name}
        if not fits or name in ("", ".", "..") or len(os.fsencode(name)) > NAME_BYTES:
            raise ValueError(f"{str(name)[:60]!a} is no name of a file in {folder}")
        path = path / name
        if path.is_symlink():
            raise ValueError(f"{path} is a link")
    return path


# Of `os.open`; Windows lacks them.
FLAGS = {name: getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC")}


def open_file(path: Path, *, follow: bool = False, below: Path | None = None) -> io.BufferedReader:
    """A plain file, open for reading; a pipe is not waited at.

    Args:
        follow: whether the path may be a link: a person typed it.
        below: a folder from which on no part of the path may be a link, not even one that has become one just
            now.  Without it that is seen to for the last part alone.

    Raises:
        OSError: it is missing, a link, a folder, a pipe or a device, or cannot be read.
    """
    own = 0 if follow else FLAGS["O_NOFOLLOW"]
    if not follow and not own and path.is_symlink():  # a system that cannot refuse it while opening
        raise OSError(None, "it is a link")
    flags = os.O_RDONLY | own | FLAGS["O_NONBLOCK"] | FLAGS["O_CLOEXEC"]
    handle = os.open(path, flags) if below is None else _open_below(below, path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(None, "it is no plain file")
    return open(handle, "rb")


def _open_below(folder: Path, path: Path, flags: int) -> int:
    """A handle of a file, reached from a folder through each one between, none of which is a link."""
    if os.open not in os.supports_dir_fd:  # Windows
        inside(folder, *path.relative_to(folder).parts)
        return os.open(path, flags)
    *between, name = path.relative_to(folder).parts
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in between:
            held, here = here, os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(held)
        return os.open(name, flags, dir_fd=here)
    finally:
        os.close(here)


def read_bytes(path: Path, limit: int, *, follow: bool = False, below: Path | None = None) -> bytes:
    """A plain file's content; `below` as in `open_file`.

    Raises:
        OSError: as `open_file`.
        ValueError: it has more than `limit` bytes.
    """
    with open_file(path, follow=follow, below=below) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"more than {limit:,} bytes")
    return content


def read_text(path: Path, limit: int, *, follow: bool = False) -> str:
    """A plain file's UTF-8 text.

    Raises:
        OSError, ValueError: as `read_bytes`; a ValueError also where it is no UTF-8.
    """
    return read_bytes(path, limit, follow=follow).decode("utf-8")


def read_json(path: Path, shape: Any, limit: int = MAX_JSON_BYTES) -> Any:
    """A plain file's JSON, if it is of a shape (see `genkit.system.schemas`).

    Raises:
        OSError: as `read_bytes`.
        ValueError: it is too large, no JSON, or of another shape.
    """
    from genkit.system.schemas import conform  # (msgspec, which what only asks can do without)

    return conform(parse_json(read_text(path, limit)), shape)


def read_yaml(path: Path, shape: Any, limit: int = MAX_YAML_BYTES, *, follow: bool = False) -> Any:
    """A plain file's YAML, if it is of a shape; raises as `read_json`."""
    from genkit.system.schemas import conform

    return conform(parse_yaml(read_text(path, limit, follow=follow)), shape)


def parse_json(text: str) -> Any:
    """JSON in which no key stands twice, at most `MAX_JSON_DEPTH` deep.

    Raises:
        ValueError: it is none, is nested too deeply, or holds what is no text or number.
    """
    if text.count("[") + text.count("{") > MAX_LISTS or text.count(",") > MAX_ITEMS:
        raise ValueError(f"more than {MAX_LISTS:,} lists, or {MAX_ITEMS:,} values")
    import json

    try:
        plain = json.loads(text, object_pairs_hook=_once, parse_int=_whole)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_sound(plain, bool(re.search(r"\\u[dD][89a-fA-F]", text)))
    return plain


def next_json(text: str, place: int) -> tuple[Any, int]:
    """The JSON value that begins at a place of a text, and where it ends; raises as `parse_json`, also where
    the text ends too early."""
    try:
        plain, end = _decoder().raw_decode(text, place)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_sound(plain, bool(re.search(r"\\u[dD][89a-fA-F]", text[place:end])))
    return plain, end


@cache
def _decoder() -> json.JSONDecoder:
    import json

    return json.JSONDecoder(object_pairs_hook=_once, parse_int=_whole)


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, object]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"the key {key[:40]!r} stands twice")
        made[key] = value
    return made


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _check_sound(plain: Any, escaped: bool) -> None:
    """See that values are not nested too deeply and, where code points were `escaped`, are text.

    Raises:
        ValueError: they are not.
    """
    level = [plain]
    for _ in range(MAX_JSON_DEPTH + 1):
        below: list[Any] = []
        for value in level:
            items = [*value, *value.values()] if isinstance(value, dict) else value
            if isinstance(value, dict | list):
                below += [item for item in items if isinstance(item, dict | list | str)]
            elif escaped and isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
                raise ValueError("half of a surrogate pair, which is no text")
        level = below if escaped else [item for item in below if not isinstance(item, str)]
        if not level:
            return
    raise ValueError("nested too deeply")


def parse_yaml(text: str) -> Any:
    """YAML of texts, numbers, true, false and null in lists and mappings of words.

    No tags, no dates, no numbers to the base 60, no anchors, no key twice, at most `MAX_DEPTH` deep.

    Raises:
        ValueError: it is none; what is wrong and the line are said.
    """
    import yaml

    try:
        plain = yaml.load(text, Loader=_loader())
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_sound(plain, "\\u" in text or "\\U" in text)
    return plain


@cache
def _loader() -> Any:
    import yaml

    class PlainLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no annotations
        depth = nodes = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            event = self.peek_event()
            # An alias of an alias of … makes a few lines as large as one likes.
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise _marked("an anchor or alias: write the value out", event)
            if (tag := getattr(event, "tag", None)) is not None:
                raise _marked(f"the tag {tag[:80]}: write the value alone", event)
            self.nodes += 1
            if self.nodes > MAX_NODES:
                raise _marked(f"more than {MAX_NODES:,} values", event)
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise _marked(f"nested more than {MAX_DEPTH} deep", event)
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

    def mapping(loader: PlainLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _marked("a key that is no word (quote it)", key_node)
            if key in made:
                raise _marked(f"the key {str(key)[:40]} stands twice", key_node)
            made[key] = loader.construct_object(value_node, deep=True)
        return made

    def number(loader: PlainLoader, node: yaml.ScalarNode) -> int | float:
        if ":" in node.value or len(node.value) > MAX_DIGITS:
            raise _marked("a number that is none (quote it, if it is a text)", node)
        if node.tag.endswith("int"):
            return int(loader.construct_yaml_int(node))
        return float(loader.construct_yaml_float(node))

    def refused(loader: PlainLoader, node: yaml.Node) -> None:
        kind = node.tag.rpartition(":")[2]
        raise _marked(f"a value of the kind {kind[:40]} (quote it, if it is a text)", node)

    def _marked(said: str, place: Any) -> yaml.YAMLError:
        return yaml.YAMLError(f"{said}, in line {place.start_mark.line + 1}")

    PlainLoader.add_constructor("tag:yaml.org,2002:map", mapping)
    for name in ("int", "float"):
        PlainLoader.add_constructor(f"tag:yaml.org,2002:{name}", number)
    for name in ("timestamp", "binary", "set", "omap", "pairs", "merge", "value"):
        PlainLoader.add_constructor(f"tag:yaml.org,2002:{name}", refused)
    return PlainLoader


def find_links(folder: Path, own: Iterable[str] = ()) -> Iterable[tuple[Path, str]]:
    """What below a folder is neither a plain file nor a folder, with what it is instead.

    Args:
        own: first names below the folder under which no link is allowed; under others (a logger's, say), one
            that stays within the folder is.
    """
    root, waiting = os.path.realpath(folder), [str(folder)]
    while waiting:
        here = waiting.pop()
        if here.count(os.sep) - str(folder).count(os.sep) > MAX_FOLDERS:
            yield Path(here), "a folder too deep in others"
            continue
        try:
            entries = _entries(here)
        except OSError as error:
            yield Path(here), f"a folder that cannot be looked into ({error.strerror})"
            continue
        for entry in entries:
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
