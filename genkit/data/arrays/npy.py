"""NumPy's own files, .npy and .npz, read a block at a time: a header is believed as far as the file goes."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

BLOCK = 2**24  # bytes of a block
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Rows(Protocol):
    """An array that is read along its first axis, wherever it is."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def blocks(self, limit: int) -> Iterator[np.ndarray]:
        """Its rows in order, some megabytes at a time.

        Args:
            limit: bytes of a row, at most.

        Raises:
            ValueError: rows are larger, or hold nothing.
        """


def rows_at_once(shape: tuple[int, ...], dtype: np.dtype[Any], limit: int) -> int:
    """How many rows are read at once.

    Raises:
        ValueError: one is larger than the limit, or holds nothing.
    """
    size = math.prod(shape[1:]) * dtype.itemsize  # (Python's numbers do not overflow)
    if not 0 < size <= limit:
        raise ValueError(f"rows of {size:,} bytes, where 1 to {limit:,} are taken")
    return max(1, BLOCK // size)


@dataclass(frozen=True)
class Stored:
    """An array in a file.

    Attributes:
        shape, dtype: as its header says; the file is as long as that.
        start: of its values in the file, bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    _opener: Callable[[], Any]

    def blocks(self, limit: int) -> Iterator[np.ndarray]:
        """The array along its first axis, some megabytes at a time.

        Args:
            limit: bytes of a row, at most.

        Raises:
            ValueError: it ends before its header says so, or its rows are larger.
        """
        rows = rows_at_once(self.shape, self.dtype, limit)
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        with self._opener() as file:
            _header(file)
            for start in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - start)
                content = file.read(count * size)
                if len(content) != count * size:
                    raise ValueError("it ends too early")
                yield np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])

    def whole(self, limit: int) -> np.ndarray:
        """All of it; memory is taken for what is really there."""
        found = list(self.blocks(limit))
        return np.concatenate(found) if found else np.empty(self.shape, self.dtype)


def mapped(path: Path) -> np.ndarray:
    """The array of an .npy file, memory-mapped.

    Raises:
        OSError, ValueError: it is none, or shorter than its header says.
    """
    found = stored(path)["images"]()
    return np.memmap(path, found.dtype, "r", found.start, found.shape)


def stored(path: Path) -> dict[str, Callable[[], Stored]]:
    """The arrays of a file by name, whose headers are read on demand; that of an .npy is called "images".

    Raises:
        OSError, ValueError, zipfile.BadZipFile: it is none, or (on demand) shorter than a header says.
    """
    if path.suffix.lower() == ".npy":
        return {"images": partial(_stored, partial(open, path, "rb"), path.stat().st_size)}
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    return {name: partial(_stored, _member(path, info), info.file_size) for name, info in members.items()}


def _member(path: Path, info: zipfile.ZipInfo) -> Callable[[], Any]:
    return lambda: zipfile.ZipFile(path).open(info)


def _stored(opener: Callable[[], Any], size: int) -> Stored:
    with opener() as file:
        shape, fortran, dtype = _header(file)
        start = file.tell()
    if not shape or any(length < 0 for length in shape):
        raise ValueError(f"its shape is {shape}")
    if dtype.hasobject:
        raise ValueError("it holds Python's objects")
    if start + math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"it ends too early: its header speaks of {dtype} of shape {shape}")
    if fortran and len(shape) > 1:
        raise ValueError("its order is Fortran's; save np.ascontiguousarray of it")
    return Stored(shape, dtype, start, opener)


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"its format is {'.'.join(map(str, version))}")
    return HEADERS[version](file)
