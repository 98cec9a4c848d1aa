"""Packing: what is costly to read is read once, into a folder of memory-mapped arrays.

    <cache_dir>/<name>-<key>/dataset.json    what it is, what was refused and why, digests
                             *.npy           arrays, opened memory-mapped

The key is made of the listing of the source (names, sizes, times) and of the settings that decide the
content, so a changed source is another folder.  A folder is made beside its place and renamed: a reader sees
all of it or none.  What an interrupted packing leaves is taken up again; a refused one leaves nothing.  What
is opened is compared with what was made; see `genkit.data.seals`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import mmap
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from genkit.data import seals
from genkit.data.clip_knobs import AudioKnobs
from genkit.data.dataset_knobs import DocumentKnobs, PictureKnobs
from genkit.data.pair_knobs import PairKnobs
from genkit.data.seals import DESCRIPTION
from genkit.data.video_knobs import VideoFolderKnobs
from genkit.system import storage
from genkit.system.errors import DataError, GenkitError, StorageError

LAYOUT = 2  # of the folders below; a newer one makes new folders
BLOCK = 2**22  # bytes hashed or copied at once
ROWS = 256  # of an array, hashed at once
NAME = re.compile(r"\w+-[0-9a-f]{16}")  # of a packed folder


def key_of(plain: Mapping[str, object]) -> str:
    """16 hexadecimal digits for plain values."""
    text = json.dumps({"layout": LAYOUT, **plain}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def listing_of(files: Mapping[str, tuple[int, int]]) -> str:
    """A digest of names, sizes and times, whatever folder the files are in."""
    lines = (f"{name}\0{size}\0{time}\n" for name, (size, time) in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def packed(
    cache_dir: str | Path, name: str, key: Mapping[str, object], build: Callable[[Path], dict[str, object]]
) -> tuple[Path, dict[str, Any]]:
    """The folder of a packed dataset and its description; made by `build` on first use.

    Args:
        name: what the folder's name begins with.
        key: plain values that decide the content.
        build: fills the folder that it is given and returns the description.  After an interruption it gets
            the folder as it was left.

    Raises:
        StorageError: the cache cannot be written, or the disk is full.
        DataError: what was packed is another by now.
        GenkitError: whatever `build` refuses; nothing is left behind then.
    """
    folder = Path(cache_dir).expanduser() / f"{name}-{key_of(key)}"
    if (folder / DESCRIPTION).is_file():
        return folder, _opened(folder)
    partial = folder.with_name(folder.name + ".partial")
    with storage_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):  # another process may be packing the same
            if not (folder / DESCRIPTION).is_file():
                _make(folder, partial, build)
    return folder, _opened(folder)


def _opened(folder: Path) -> dict[str, Any]:
    about = seals.describe(folder)
    seals.check(folder, about)
    return about


def _make(folder: Path, partial: Path, build: Callable[[Path], dict[str, object]]) -> None:
    partial.mkdir(exist_ok=True)
    try:
        description = build(partial)
    except GenkitError:
        shutil.rmtree(partial)
        raise
    text = json.dumps(seals.sealed(partial, description), indent=1) + "\n"
    (partial / DESCRIPTION).write_text(text, encoding="utf-8")
    storage.flush_all(partial)
    if folder.exists():  # one without a description
        shutil.rmtree(folder)
    partial.rename(folder)
    storage.flush(folder.parent)


def examine(folder: Path, digest: str | None = None) -> str | None:
    """Read every byte of a packed folder, and make the digest that fingerprints rest on anew.

    Args:
        digest: of the contents, as whoever used them wrote it down.

    Returns:
        What is wrong, in a line; None: nothing.
    """
    try:
        about = seals.examine(folder)
        names = about.get("digest_of")
        made = digest_of(folder, names, about.get("digest_rows")) if names else about.get("digest")
    except DataError as error:
        return str(error)
    if made != about.get("digest"):
        return f"{folder} holds other data than its digest says: delete it, and the data is packed anew."
    if digest is not None and made != digest:
        return f"{folder} holds other data than was written down when it was used; restore it, or delete it."
    return None


def written_down(packs: Iterable[Path]) -> dict[str, str]:
    """The digests of the contents of packed folders by their names, for the record of who uses them."""
    found = {folder.name: seals.describe(folder).get("digest") for folder in packs}
    return {name: digest for name, digest in found.items() if digest}


def changed(record: Any, cache_dir: str | Path) -> list[str]:
    """What packed folders hold that is not what was written down; those that are not there are not missed.

    Args:
        record: as `written_down` made it, though a stranger may have.
    """
    if not isinstance(record, dict) or not all(isinstance(v, str) for kv in record.items() for v in kv):
        return ["the record of the packed data is damaged; restore it from a copy."]
    cache = Path(cache_dir).expanduser()
    packs = {cache / name: digest for name, digest in record.items() if NAME.fullmatch(name)}
    found = [examine(folder, digest) for folder, digest in packs.items() if (folder / DESCRIPTION).is_file()]
    return [line for line in found if line]


def open_array(path: Path) -> np.ndarray:
    """A packed array, memory-mapped.

    Raises:
        DataError: it is damaged.
    """
    try:
        mapped: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{path} is damaged ({reason}): delete {path.parent}.") from None


def folder_of(array: np.ndarray) -> Path | None:
    """The packed folder that an array is mapped from; None for one in memory."""
    file = getattr(array, "filename", None)
    return Path(file).parent if file and (Path(file).parent / DESCRIPTION).is_file() else None


def digest_of(folder: Path, names: Iterable[str], rows: str | None = None) -> str:
    """The digest of arrays of a folder, or of the rows of the first that another array names."""
    arrays = [open_array(folder / name) for name in names]
    return digest(arrays) if rows is None else digest_rows(arrays[0], np.asarray(open_array(folder / rows)))


def digest_rows(array: np.ndarray, rows: np.ndarray) -> str:
    """SHA-256 of some rows of an array, as `digest` has it where they are all."""
    if len(rows) == len(array):
        return digest([array])
    return digest(array[rows[start : start + ROWS]] for start in range(0, len(rows), ROWS))


def check_space(folder: Path, needed: int) -> None:
    """See that a disk has room.

    Raises:
        StorageError: it has not; both numbers are named.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"packing needs {needed / 1e6:,.0f} MB and {folder.parent} has {free / 1e6:,.0f} MB free;"
            " free some, or set paths.cache_dir to another disk."
        )


@contextmanager
def storage_errors(cache: Path) -> Iterator[None]:
    """Within the context what a disk refuses is a refusal of ours."""
    try:
        yield
    except OSError as error:
        if error.filename and not Path(str(error.filename)).absolute().is_relative_to(cache.absolute()):
            raise DataError(f"{error.filename} cannot be read: {error.strerror}.") from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT, None):  # (numpy says no more than how much was left)
            raise StorageError(
                f"{cache}: the disk is full ({storage.reason(error)}); free some, or set paths.cache_dir."
            ) from error
        raise StorageError(
            f"{cache} cannot be written ({storage.reason(error)}); set paths.cache_dir or GENKIT_CACHE_DIR."
        ) from error


def digest(arrays: Iterable[np.ndarray | None]) -> str:
    """SHA-256 of types, shapes and contents, read in blocks."""
    sha = hashlib.sha256()
    for array in arrays:
        if array is None:
            continue
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        for block in _blocks(array):
            sha.update(block)
    return sha.hexdigest()


def _blocks(array: np.ndarray) -> Iterator[Any]:
    """The bytes of an array in C order, some megabytes at a time."""
    if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.flags.c_contiguous:
        # What is read through a mapping counts as this process's memory, what is read from a file does not.
        with open(array.filename, "rb") as file:
            file.seek(array.offset)
            for start in range(0, array.nbytes, BLOCK):
                yield file.read(min(BLOCK, array.nbytes - start))
        return
    flat = array.reshape(-1)
    step = max(1, BLOCK // array.itemsize)
    for start in range(0, len(flat), step):
        yield np.ascontiguousarray(flat[start : start + step]).data


class Appended:
    """A one-dimensional .npy file that grows; its length is written into the header at the end."""

    HEADER = 128  # bytes; numpy's own header of a vector, which leaves room for any length

    def __init__(self, path: Path, dtype: Any) -> None:
        self.path, self.dtype, self.count = path, np.dtype(dtype), 0
        self._file = open(path, "wb")  # noqa: SIM115 (closed in close)
        self._file.write(b"\0" * self.HEADER)

    def append(self, values: np.ndarray) -> None:
        self._file.write(np.ascontiguousarray(values, dtype=self.dtype).data)
        self.count += len(values)

    def close(self) -> None:
        self._file.seek(0)
        about = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.count,)}
        np.lib.format.write_array_header_1_0(self._file, about)
        assert self._file.tell() == self.HEADER
        self._file.close()


def printable(name: str) -> str:
    """A file's name that any terminal and any JSON takes, also where it is no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def unreadable(refused: Mapping[str, str], total: int, what: str) -> str:
    """How many of all files are refused, and why the first ones are."""
    listed = "; ".join(f"{printable(name)} ({reason})" for name, reason in sorted(refused.items())[:5])
    more = f"; and {len(refused) - 5:,} more" if len(refused) > 5 else ""
    return f"{len(refused):,} of {total:,} {what} cannot be read: {listed}{more}"


def within_ceiling(
    refused: Mapping[str, str],
    total: int,
    data: AudioKnobs | DocumentKnobs | PairKnobs | PictureKnobs | VideoFolderKnobs,
    what: str,
) -> list[str]:
    """What to say of refused files, if they may be left out.

    Args:
        refused: reason by name.
        total: of all files.
        data: its `on_bad` and `max_bad`.

    Raises:
        DataError: `data.on_bad=error`, more than `data.max_bad` of all, or all of them.
    """
    if not refused:
        return []
    said = unreadable(refused, total, what)
    if data.on_bad == "error":
        raise DataError(f"{said}. Mend or remove them, or leave them out with data.on_bad=skip.")
    if len(refused) == total:
        raise DataError(f"{said}. That is all of them: none is left.")
    if len(refused) > data.max_bad * total:
        raise DataError(f"{said}. That is more than data.max_bad={data.max_bad:g} of them.")
    return [f"{said}; left out."]
