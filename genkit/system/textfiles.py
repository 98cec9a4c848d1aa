"""Text files that a person names: prompts, what is scored, what is compared; one reader for all of them."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Literal

from genkit.system.errors import DataError
from genkit.system.paths import sought
from genkit.system.plain import read_bytes

UTF8 = ("utf-8", "utf8", "utf-8-sig")
MARKS = (  # UTF-32's before those of UTF-16, which one of them begins with
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def by_mark(head: bytes, encoding: str = "utf-8") -> tuple[str, int]:
    """The encoding that a byte-order mark says, and the bytes to skip."""
    if encoding.lower().replace("_", "-") in UTF8 and head.startswith(codecs.BOM_UTF8):
        return "utf-8", 3
    for mark, said in MARKS:
        if head.startswith(mark) and not (len(mark) == 2 and encoding.lower().startswith("utf-32")):
            return said, len(mark)
    return encoding, 0


def read_given(word: str, path: str | Path, limit: int, advice: str) -> str:
    """The text of a file, UTF-8 or what its byte-order mark says; the mark is no part of it.

    Args:
        word: that named it, for errors: `prompt_file`.
        limit: bytes.
        advice: where it is longer: "score it in parts".

    Raises:
        DataError: it is missing, no plain file, too large, or in another encoding.
    """
    try:
        content = read_bytes(Path(path).expanduser(), limit, follow=True)
    except OSError as error:
        raise DataError(f"{word}={path} cannot be read: {error.strerror}.{sought(path)}") from None
    except ValueError as error:
        raise DataError(f"{word}={path} holds {error}; {advice}.") from None
    return _decoded(f"{word}={path}", content)


def read_input(word: str, limit: int, advice: str) -> str:
    """The text that standard input brings, until its end; encodings as in `read_given`.

    Args:
        word: that asked for it, for errors: `prompt=-`.
        limit: bytes.
        advice: where it brings more.

    Raises:
        DataError: it brings more, is in another encoding, or cannot be read.
    """
    content = _brought(word, "read", limit)
    if len(content) > limit:
        raise DataError(f"{word}: standard input brings more than {limit:,} bytes; {advice}.")
    return _decoded(f"{word}: standard input", content)


def read_lines(word: str, limit: int) -> Iterator[str]:
    """The lines that standard input brings, without their ends, as they come.

    Args:
        limit: bytes of a line.

    Raises:
        DataError: one has more, is in another encoding, or cannot be read.
    """
    for number in count(1):
        content = _brought(word, "readline", limit)
        if len(content) > limit:
            raise DataError(f"{word}: line {number} has more than {limit:,} bytes; write shorter ones.")
        if not content:
            return
        yield _decoded(f"{word}: line {number}", content).rstrip("\r\n")


def _brought(word: str, how: Literal["read", "readline"], limit: int) -> bytes:
    """What standard input brings next, cut behind one byte more than the limit."""
    stream = getattr(sys.stdin, "buffer", sys.stdin)  # none where it is closed, or a text stands for it
    try:
        content: bytes | str = b"" if stream is None else getattr(stream, how)(limit + 1)
    except OSError as error:
        raise DataError(f"{word}: standard input cannot be read: {error.strerror}.") from None
    return content.encode("utf-8") if isinstance(content, str) else content


def _decoded(name: str, content: bytes) -> str:
    """Raises a DataError that says where it is another encoding."""
    encoding, skipped = by_mark(content[:4])
    try:
        return content[skipped:].decode(encoding)
    except UnicodeDecodeError as error:
        place = skipped + error.start
        raise DataError(f"{name} is no {encoding.upper()} at byte {place}; write it in UTF-8.") from None


def unix(text: str) -> str:
    """A text whose lines end as ours do, whatever system wrote it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines_of(text: str) -> list[str]:
    """The lines of a text, as editors count them; U+2028, U+0085 and form feeds are characters within one."""
    lines = unix(text).split("\n")
    return lines if lines[-1] else lines[:-1]
