"""Files of texts and of rows, plain or compressed, as bytes that are read on and on.

A suffix says how a file is compressed: `.gz` by Python's own library, `.zst` by pyarrow's.  Nothing is
unpacked beside what is being read.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from genkit.system.errors import ConfigError, DataError
from genkit.system.paths import sought
from genkit.system.plain import open_file

COMPRESSED = (".gz", ".zst")


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes: ...


def kind_of(path: Path) -> str:
    """The suffix that says what a file holds, in lower case: `.jsonl` of rows.jsonl.gz."""
    bare = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return bare.suffix.lower()


@contextmanager
def unpacked(path: Path) -> Iterator[Readable]:
    """A plain file's bytes, uncompressed; while they are read whatever goes wrong is named.

    Raises:
        DataError: it is missing, no plain file, unreadable, or damaged.
        ConfigError: the library that it needs is not installed.
    """
    suffix = path.suffix.lower()
    try:
        with open_file(path, follow=True) as file:
            if suffix == ".gz":
                with gzip.GzipFile(fileobj=file) as plain:
                    yield plain
            elif suffix == ".zst":
                yield _zstd(path, file)
            else:
                yield file
    except FileNotFoundError:
        raise DataError(f"{path} is missing; check the path.{sought(path)}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged: {error}.") from None
    except OSError as error:
        # (pyarrow raises it of its own, with no number.)
        reason = error.strerror or " ".join(str(error).split())[:100]
        raise DataError(f"{path} cannot be read: {reason}.") from None


def _zstd(path: Path, file: Readable) -> Readable:
    try:
        import pyarrow
    except ImportError:
        raise ConfigError(
            f"{path} needs the library pyarrow (pip install pyarrow), or unpack it with zstd -d."
        ) from None
    opened: Readable = pyarrow.CompressedInputStream(file, "zstd")
    return opened
