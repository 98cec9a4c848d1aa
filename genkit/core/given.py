"""Text files that a person names: prompts, what is scored, what is compared; one reader for all of them."""

from __future__ import annotations

import codecs
from pathlib import Path

from genkit.core.errors import DataError
from genkit.core.plain import read_bytes

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
        raise DataError(f"{word}={path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise DataError(f"{word}={path} holds {error}; {advice}.") from None
    encoding, skipped = by_mark(content[:4])
    try:
        return content[skipped:].decode(encoding)
    except UnicodeDecodeError as error:
        place = skipped + error.start
        raise DataError(
            f"{word}={path} is no {encoding.upper()} at byte {place}; write it in UTF-8."
        ) from None


def lines_of(text: str) -> list[str]:
    """The lines of a text, as editors count them; U+2028, U+0085 and form feeds are characters within one."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]
