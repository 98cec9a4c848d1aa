"""The caption of each example, from a table or from its class, and how captions are read as tokens.

Nothing here imports torch.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from genkit.core.captions import CLASSES, LONGEST, Captions
from genkit.core.codecs import ByteCodec, Codec
from genkit.core.knobs import DataKnobs
from genkit.data.caption_tables import WORD, CaptionTable, read_table
from genkit.data.example_knobs import ExampleKnobs
from genkit.data.near_alike import SKIN_TONE, alike
from genkit.data.packing import digest, printable
from genkit.data.sources import Images
from genkit.data.text.tokenisers import train_bpe
from genkit.system.errors import ConfigError, DataError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MERGED = 1_024  # ids of byte-pair encoding: the bytes and what is merged
ROOM = 8  # captions get a length that is a multiple of it, so that a prompt may be a little longer


def captioned(name: str, source: Images, data: ExampleKnobs, given: DataKnobs) -> Images:
    """The examples with their captions, and with what stays in one part; those without are left out, if so
    configured.

    Args:
        given: the dataset's own knobs, of which `on_bad` and `path` matter where it has them.

    Raises:
        DataError: the table will not do, or captions are missing.
        ConfigError: there are no classes to be captions, or nothing to group by.
    """
    table: CaptionTable | None = None
    if data.captions == CLASSES:
        source = replace(source, captions=_by_class(name, source, _class_words(source.classes)))
    elif data.captions:
        column = data.group_by if data.group_by != SKIN_TONE else None
        table = read_table(_found(data.captions, given), data.caption_column, column)
        source = _by_table(name, source, table, given)
    if data.group_by:
        source = _grouped(name, source, table, data.group_by)
    return source


def _found(asked: str, given: DataKnobs) -> Path:
    """Where a table is: where it is said to be, or, where the data has moved, in its folder or beside it."""
    path, root = Path(asked).expanduser(), getattr(given, "path", None)
    if path.exists() or not root:
        return path
    folder = Path(str(root)).expanduser()
    return next((place for place in (folder / path.name, folder.parent / path.name) if place.exists()), path)


# ---------------------------------------------------------------------- by class


def _class_words(classes: Sequence[str]) -> list[str]:
    """Names of classes as a person says them: digits in words."""
    return [DIGITS[int(name)] if name in "0123456789" and len(name) == 1 else name for name in classes]


def _by_class(name: str, source: Images, words: Sequence[str]) -> list[str]:
    """The caption of each example.

    Raises:
        ConfigError: they have no classes.
    """
    if source.labels is None or not words:
        raise ConfigError(f"{WORD}={CLASSES}: data={name} has no classes; name a table of captions.")
    return [words[label] for label in source.labels.tolist()]


def class_captions(source: Images) -> tuple[str, ...]:
    """The caption of each class, where all examples of one have the same and no two classes share one."""
    if source.captions is None or source.labels is None or not source.classes:
        return ()
    pairs = set(zip(source.labels.tolist(), source.captions, strict=True))
    words = dict(pairs)
    if len(pairs) != len(words) or len(set(words.values())) != len(words):
        return ()
    return tuple(words.get(label, name) for label, name in enumerate(_class_words(source.classes)))


# ---------------------------------------------------------------------- by table


def _by_table(name: str, source: Images, table: CaptionTable, given: DataKnobs) -> Images:
    if table.of_classes:
        words = [table.captions.get(cls, "") for cls in source.classes]
        if missing := [cls for cls, word in zip(source.classes, words, strict=True) if not word]:
            listed = ", ".join(map(printable, missing[:3])) + (", …" if len(missing) > 3 else "")
            raise DataError(
                f"{WORD}={table.place} has no caption for {len(missing)} of {len(words)} classes ({listed});"
                " add them."
            )
        return replace(source, captions=_by_class(name, source, words))
    keys = _keys(source, table)
    captions = [table.captions.get(key, "") for key in keys]
    usable = source.usable
    without = [row for row in usable.tolist() if not captions[row]]
    notices = [*source.notices, *_unused(name, table, {keys[row] for row in usable.tolist()})]
    if without:
        notices.append(_left_out(name, source, table, without, given))
    rows = usable[~np.isin(usable, without)] if without else source.rows
    return replace(source, captions=captions, rows=rows, notices=tuple(notices))


def _keys(source: Images, table: CaptionTable) -> list[str]:
    """What the table calls each example: its path below the folder of the data, else its name alone.

    Raises:
        DataError: a name alone is that of several files.
    """
    count = len(source.images)
    names = [str(row) for row in range(count)] if source.names is None else _files(source)
    ends = [name.rsplit("/", 1)[-1] for name in names]
    keys = [
        name if name in table.captions or end not in table.captions else end
        for name, end in zip(names, ends, strict=True)
    ]
    # Windows of one recording have its name; files of one name in several folders have not one caption.
    ended = sorted({(end, name) for end, name, key in zip(ends, names, keys, strict=True) if key != name})
    files = Counter(end for end, _ in ended)
    if several := [end for end, times in files.items() if times > 1]:
        raise DataError(
            f"{WORD}={table.place}: {printable(several[0])} is the name of {files[several[0]]} files; write"
            " their paths below the folder."
        )
    return keys


def _files(source: Images) -> list[str]:
    """The file that each example is of, or is a window of."""
    assert source.names is not None
    names = [name.replace(os.sep, "/") for name in source.names]
    return names if source.groups is None else [name.rpartition(" [")[0] or name for name in names]


def _unused(name: str, table: CaptionTable, keys: set[str]) -> list[str]:
    """What to say of lines that are of no file."""
    others = [key for key in table.captions if key not in keys]
    if not others:
        return []
    listed = ", ".join(map(printable, others[:3])) + (", …" if len(others) > 3 else "")
    return [f"{name}: {len(others):,} lines of {table.place} are of no file here ({listed})."]


def _left_out(
    name: str, source: Images, table: CaptionTable, without: Sequence[int], given: DataKnobs
) -> str:
    """What to say of examples without a caption, if they may be left out.

    Raises:
        DataError: they may not.
    """
    total, many = len(source.usable), source.medium.many
    called = [str(row) if source.names is None else printable(source.names[row]) for row in without[:3]]
    listed = ", ".join(called) + (", …" if len(without) > 3 else "")
    said = f"{WORD}={table.place} has no caption for {len(without):,} of {total:,} {many} ({listed})"
    if set(table.captions) <= set(source.classes):
        raise DataError(f"{said}: if its lines are of classes, write class above the first column.")
    if len(without) == total:
        line = next(iter(table.captions))
        raise DataError(f"{said}: it has them for {printable(line)} and its like.")
    skips = getattr(given, "on_bad", None)
    if skips != "skip":
        remedy = "add them" if skips is None else "add them, or leave those out with data.on_bad=skip"
        raise DataError(f"{said}; {remedy}.")
    ceiling = float(getattr(given, "max_bad", 0.0))
    if len(without) > ceiling * total:
        raise DataError(f"{said}. That is more than data.max_bad={ceiling:g} of them.")
    return f"{name}: {said}; left out."


# ---------------------------------------------------------------------- what stays in one part


def _grouped(name: str, source: Images, table: CaptionTable | None, group_by: str) -> Images:
    """The examples with those that are alike in one part of the data.

    Raises:
        ConfigError: none are alike, or they stand in several parts of the source already.
    """
    many = source.medium.many
    if group_by == SKIN_TONE:
        names = None if source.names is None else _files(source)
        groups = alike(names, source.captions, len(source.images))
    elif table is None:
        raise ConfigError(
            f"data.group_by={group_by} is a column of a table of captions; name that by {WORD}=, or write"
            f" data.group_by={SKIN_TONE}."
        )
    else:
        values = [table.groups.get(key, key) for key in _keys(source, table)]
        groups = np.unique(values, return_inverse=True)[1]
    own = groups[source.usable]
    if len(np.unique(own)) == len(own):
        raise ConfigError(f"data.group_by={group_by}: no two {many} of data={name} are alike; leave it out.")
    if source.part is not None:
        parts = np.array([source.part[row] for row in source.usable.tolist()])
        pairs = {(int(group), str(part)) for group, part in zip(own, parts, strict=True)}
        if torn := len(pairs) - len(np.unique(own)):
            raise ConfigError(
                f"data.group_by={group_by}: data={name} has parts of its own, and what is alike stands in"
                f" several of them {torn:,} times; put the files into one folder."
            )
    return replace(source, groups=groups, whole="group", piece=many)


# ---------------------------------------------------------------------- as tokens


def make_captions(name: str, source: Images, parts: Mapping[str, np.ndarray], data: ExampleKnobs) -> Captions:
    """How the captions of the examples are tokens.

    Raises:
        DataError: some have more of them than is configured.
    """
    assert source.captions is not None
    codec = _codec(source.captions, parts["train"], data)
    used = np.unique(np.concatenate(list(parts.values())))
    counted = {text: len(codec.encode(text)) for text in {source.captions[row] for row in used.tolist()}}
    longest = max(counted.values())
    most = data.caption_length or min(LONGEST, -(-longest // ROOM) * ROOM)
    if longest > most:
        over = [row for row in used.tolist() if counted[source.captions[row]] > most]
        first = str(over[0]) if source.names is None else printable(source.names[over[0]])
        raise DataError(
            f"data.caption_length={most}: {len(over):,} captions of data={name} are longer (that of"
            f" {first} has {counted[source.captions[over[0]]]} tokens, the longest {longest}); raise it, or"
            " set data.caption_tokenizer=bpe."
        )
    return Captions(codec, most, class_captions(source))


def _codec(captions: Sequence[str], train: np.ndarray, data: ExampleKnobs) -> Codec:
    if data.caption_tokenizer == "bytes":
        return ByteCodec()
    return train_bpe((f"{captions[row]}\n" for row in train.tolist()), MERGED)


def caption_digest(captions: Sequence[str]) -> str:
    """Of all captions in their order."""
    joined = "\n".join(captions).encode("utf-8", "surrogatepass")
    return digest([np.frombuffer(joined, np.uint8)])
